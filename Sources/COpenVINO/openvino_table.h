// The functions of OpenVINO's C API that are used, and the structures that hold them.
#ifndef VRBRIDGE_OPENVINO_TABLE_H
#define VRBRIDGE_OPENVINO_TABLE_H

#include "openvino_loader.h"

// Structures of the C API that are passed by value or read.
typedef struct {
  int64_t rank;
  int64_t *dimensions;
} shape_t;
typedef struct {
  int64_t minimum, maximum;
} dimension_t;
typedef struct {
  dimension_t rank;
  dimension_t *dimensions;
} partial_shape_t;
typedef struct {
  const char *build, *description;
} version_t;
typedef void object_t;

#define FUNCTIONS(X)                                                                                                 \
  X(int, get_openvino_version, (version_t *))                                                                        \
  X(void, version_free, (version_t *))                                                                               \
  X(const char *, get_last_err_msg, (void))                                                                          \
  X(int, core_create, (object_t **))                                                                                 \
  X(void, core_free, (object_t *))                                                                                   \
  X(int, core_read_model, (const object_t *, const char *, const char *, object_t **))                               \
  X(int, core_read_model_from_memory_buffer, (const object_t *, const char *, size_t, const object_t *, object_t **)) \
  X(int, core_compile_model, (const object_t *, const object_t *, const char *, size_t, object_t **, ...))           \
  X(void, model_free, (object_t *))                                                                                  \
  X(int, model_const_input_by_index, (const object_t *, size_t, object_t **))                                        \
  X(int, model_const_output_by_index, (const object_t *, size_t, object_t **))                                       \
  X(_Bool, model_is_dynamic, (const object_t *))                                                                     \
  X(int, model_reshape_by_port_indexes, (const object_t *, const size_t *, const partial_shape_t *, size_t))         \
  X(void, compiled_model_free, (object_t *))                                                                         \
  X(int, compiled_model_inputs_size, (const object_t *, size_t *))                                                   \
  X(int, compiled_model_outputs_size, (const object_t *, size_t *))                                                  \
  X(int, compiled_model_input_by_index, (const object_t *, size_t, object_t **))                                     \
  X(int, compiled_model_output_by_index, (const object_t *, size_t, object_t **))                                    \
  X(int, compiled_model_create_infer_request, (const object_t *, object_t **))                                       \
  X(void, output_const_port_free, (object_t *))                                                                      \
  X(int, port_get_element_type, (const object_t *, int *))                                                           \
  X(int, port_get_partial_shape, (const object_t *, partial_shape_t *))                                              \
  X(int, port_get_any_name, (const object_t *, char **))                                                             \
  X(void, free, (const char *))                                                                                      \
  X(void, partial_shape_free, (partial_shape_t *))                                                                   \
  X(int, shape_free, (shape_t *))                                                                                    \
  X(int, tensor_create, (int, shape_t, object_t **))                                                                 \
  X(int, tensor_create_from_host_ptr, (int, shape_t, void *, object_t **))                                           \
  X(int, tensor_get_shape, (const object_t *, shape_t *))                                                            \
  X(int, tensor_get_element_type, (const object_t *, int *))                                                         \
  X(int, tensor_get_byte_size, (const object_t *, size_t *))                                                         \
  X(int, tensor_data, (const object_t *, void **))                                                                   \
  X(void, tensor_free, (object_t *))                                                                                 \
  X(int, infer_request_get_output_tensor_by_index, (const object_t *, size_t, object_t **))                          \
  X(int, infer_request_set_input_tensor_by_index, (object_t *, size_t, const object_t *))                            \
  X(int, infer_request_set_output_tensor_by_index, (object_t *, size_t, const object_t *))                           \
  X(int, infer_request_infer, (object_t *))                                                                          \
  X(void, infer_request_free, (object_t *))

enum { OPENVINO_TYPES = 64 };

struct covino_library {
  object_t *core;
  char version[128];
  int to_openvino[COVINO_TYPE_COUNT];
  int from_openvino[OPENVINO_TYPES];
#define X(result, name, arguments) result(*name) arguments;
  FUNCTIONS(X)
#undef X
};

struct covino_model {
  covino_library *library;
  object_t *compiled;
  // The model before compilation, whose shapes are inferred for each shape of its inputs; NULL when that is not needed.
  object_t *source;
  size_t counts[2];
};

#endif
