/// ONNX Runtime's C API, opened at run time (`dynamic_library.h`).
///
/// Facts: onnxruntime/core/session/onnxruntime_c_api.h (MIT). Its table of functions grows at its end alone, so the
/// indices of version 1 hold in every release.
#ifndef VRBRIDGE_ONNXRUNTIME_LOADER_H
#define VRBRIDGE_ONNXRUNTIME_LOADER_H

#include <stddef.h>
#include <stdint.h>

typedef struct conr_library conr_library;
typedef struct conr_session conr_session;

enum { CONR_MAXIMUM_RANK = 8, CONR_MAXIMUM_NAME = 4096 };

/// An input or output of a model. A dimension of -1 is open. Types are ONNX's own (TensorProto.DataType).
typedef struct {
  char name[CONR_MAXIMUM_NAME];
  int type;
  int rank;
  int64_t dimensions[CONR_MAXIMUM_RANK];
} conr_port;

/// An input, whose memory is the caller's, or an output, which lives until `conr_values_free`.
typedef struct {
  int type;
  int rank;
  int64_t dimensions[CONR_MAXIMUM_RANK];
  const void *data;
  size_t size;
  void *value;
} conr_tensor;

/// Opens ONNX Runtime for the life of the process. NULL on failure, with the reason in `error`.
conr_library *conr_open(const char *file, char *error, size_t error_size);
const char *conr_version(const conr_library *library);

/// Loads a model from an ONNX file's bytes. NULL on failure, with the reason in `error`. From any thread.
conr_session *conr_session_create(
    conr_library *library, const void *bytes, size_t size, int threads, char *error, size_t error_size);
void conr_session_free(conr_session *session);
size_t conr_port_count(const conr_session *session, int is_output);
const conr_port *conr_port_at(const conr_session *session, int is_output, size_t index);

/// Runs the model with all of its inputs and outputs, in their order. Returns 0, or -1 with the reason in `error`.
/// From any thread.
int conr_run(
    conr_session *session, const conr_tensor *inputs, conr_tensor *outputs, char *error, size_t error_size);
/// Returns the bytes of an element of a type; 0 for a type without a fixed size.
size_t conr_width(int type);
void conr_values_free(conr_session *session, conr_tensor *outputs);

#endif
