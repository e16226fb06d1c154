/// OpenVINO's C API, opened at run time (`dynamic_library.h`).
///
/// Facts: the headers of OpenVINO's C API 2.0 (openvino/c/*.h, Apache-2.0).
#ifndef VRBRIDGE_OPENVINO_LOADER_H
#define VRBRIDGE_OPENVINO_LOADER_H

#include <stddef.h>
#include <stdint.h>

typedef struct covino_library covino_library;
typedef struct covino_model covino_model;
typedef struct covino_request covino_request;

/// Types of elements, numbered here: OpenVINO's own numbers change from release to release.
enum {
  COVINO_UNKNOWN,
  COVINO_BOOL,
  COVINO_BF16,
  COVINO_F16,
  COVINO_F32,
  COVINO_F64,
  COVINO_I8,
  COVINO_I16,
  COVINO_I32,
  COVINO_I64,
  COVINO_U8,
  COVINO_U16,
  COVINO_U32,
  COVINO_U64,
  COVINO_TYPE_COUNT
};

enum { COVINO_MAXIMUM_RANK = 8, COVINO_MAXIMUM_PROPERTIES = 8 };

/// An input or output of a model. A dimension of -1 is open; a rank of -1 means that the rank is open.
typedef struct {
  char name[256];
  int type;
  int rank;
  int64_t dimensions[COVINO_MAXIMUM_RANK];
} covino_port;

/// A tensor that a request holds; valid until its next inference.
typedef struct {
  void *data;
  size_t size;
  int type;
  int rank;
  int64_t dimensions[COVINO_MAXIMUM_RANK];
} covino_tensor;

/// Opens OpenVINO by path, or by name with the linker's search. NULL on failure, with the reason in `error`.
covino_library *covino_open(const char *file, char *error, size_t error_size);
const char *covino_version(const covino_library *library);
/// Returns the text of the last call that failed, on any thread.
const char *covino_last_error(const covino_library *library);

/// Reads and compiles a model. `properties` are `count` pairs of name and value.
/// Every function below returns 0, or OpenVINO's status.
int covino_compile(
    covino_library *library, const char *model_file, const char *device, const char *const *properties, size_t count,
    covino_model **model);
void covino_model_free(covino_model *model);
int covino_port_count(const covino_model *model, int is_output, size_t *count);
int covino_port_at(const covino_model *model, int is_output, size_t index, covino_port *port);

int covino_request_create(covino_model *model, covino_request **request);
void covino_request_free(covino_request *request);
/// Lends the request an input of this shape, without a copy: `data` must live until `covino_infer` returns.
int covino_request_lend(
    covino_request *request, size_t index, int type, int rank, const int64_t *dimensions, void *data);
/// Copies an input of this shape into the request's own memory: faster than lending for a small input of constant shape.
int covino_request_fill(
    covino_request *request, size_t index, int type, int rank, const int64_t *dimensions, const void *data, size_t size);
int covino_infer(covino_request *request);
int covino_request_output(covino_request *request, size_t index, covino_tensor *tensor);

#endif
