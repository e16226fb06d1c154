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

enum { COVINO_MAXIMUM_RANK = 8, COVINO_MAXIMUM_PROPERTIES = 8, COVINO_MAXIMUM_NAME = 4096 };

/// A shape. A dimension of -1 is open; a rank of -1 means that the rank is open or higher than the maximum.
typedef struct {
  int rank;
  int64_t dimensions[COVINO_MAXIMUM_RANK];
} covino_shape;

/// An input or output of a model.
typedef struct {
  char name[COVINO_MAXIMUM_NAME];
  int type;
  covino_shape shape;
} covino_port;

/// A tensor that a request holds; valid until its next inference.
typedef struct {
  void *data;
  size_t size;
  int type;
  covino_shape shape;
} covino_tensor;

/// Results of `covino_request_output` beside OpenVINO's own, for an output that was expected.
enum {
  /// The run wrote nothing to the output.
  COVINO_UNTOUCHED = -1001,
  /// The run gave the output another shape or other memory.
  COVINO_OTHER_SHAPE = -1002
};

/// Opens OpenVINO by path, or by name with the linker's search. NULL on failure, with the reason in `error`.
covino_library *covino_open(const char *file, char *error, size_t error_size);
const char *covino_version(const covino_library *library);
/// Returns the text of the last call that failed, on any thread; empty when the library gives none.
const char *covino_last_error(const covino_library *library);

/// Reads and compiles a model. `properties` are `count` pairs of name and value.
/// Every function below that returns a status returns 0, or OpenVINO's status.
int covino_compile(
    covino_library *library, const char *model_file, const char *device, const char *const *properties, size_t count,
    covino_model **model);
void covino_model_free(covino_model *model);
/// Frees what `covino_infer_shapes` needs.
void covino_model_settle(covino_model *model);
/// Returns whether a tensor inside of the model has an open shape, with the shapes that its inputs were given last.
int covino_has_open_shapes(const covino_model *model);
size_t covino_port_count(const covino_model *model, int is_output);
int covino_port_at(const covino_model *model, int is_output, size_t index, covino_port *port);
/// Infers the shapes of all tensors from those of the inputs, one for each, without a run. Fails where they do not fit
/// each other. Not from two threads at once. `has_open_shapes`: some depend on the values of the inputs.
int covino_infer_shapes(
    covino_model *model, const covino_shape *inputs, covino_shape *outputs, int *has_open_shapes);

/// A request must be freed before its model.
int covino_request_create(covino_model *model, covino_request **request);
void covino_request_free(covino_request *request);
/// Replaces OpenVINO's request, so that nothing of an earlier run remains.
int covino_request_renew(covino_request *request);
/// Lends the request an input of this shape, without a copy: `data` must live until `covino_infer` returns.
int covino_request_lend(covino_request *request, size_t index, int type, const covino_shape *shape, void *data);
/// Copies an input of this shape into the request's own memory: faster than lending for a small input of constant shape.
int covino_request_fill(
    covino_request *request, size_t index, int type, const covino_shape *shape, const void *data, size_t size);
/// Gives an output this shape and memory, which every run fills before it starts.
int covino_request_expect(covino_request *request, size_t index, int type, const covino_shape *shape);
int covino_infer(covino_request *request);
int covino_request_output(covino_request *request, size_t index, covino_tensor *tensor);

#endif
