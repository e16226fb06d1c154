#include "openvino_loader.h"

#include "dynamic_library.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
  X(int, shape_create, (int64_t, const int64_t *, shape_t *))                                                        \
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
};

struct covino_request {
  covino_library *library;
  object_t *request;
  size_t input_count;
  // Memory of inputs that were copied; no data where the last input was lent.
  covino_tensor *inputs;
};

static const char *const type_names[COVINO_TYPE_COUNT] = {
    0, "boolean", "bf16", "f16", "f32", "f64", "i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64"};
static const char *const precisions[COVINO_TYPE_COUNT] = {
    0, "BOOL", "BF16", "FP16", "FP32", "FP64", "I8", "I16", "I32", "I64", "U8", "U16", "U32", "U64"};

// Reads the library's numbers of element types from a model of one parameter for each type.
static int learn_types(covino_library *library) {
  static const char *const format =
      "<?xml version=\"1.0\"?><net name=\"p\" version=\"11\"><layers>"
      "<layer id=\"0\" name=\"a\" type=\"Parameter\" version=\"opset1\"><data shape=\"1\" element_type=\"%s\"/>"
      "<output><port id=\"0\" precision=\"%s\"><dim>1</dim></port></output></layer>"
      "<layer id=\"1\" name=\"b\" type=\"Result\" version=\"opset1\">"
      "<input><port id=\"0\" precision=\"%s\"><dim>1</dim></port></input></layer></layers>"
      "<edges><edge from-layer=\"0\" from-port=\"0\" to-layer=\"1\" to-port=\"0\"/></edges></net>";
  for (int type = 1; type < COVINO_TYPE_COUNT; type++) {
    char text[1024];
    int length = snprintf(text, sizeof text, format, type_names[type], precisions[type], precisions[type]);
    object_t *model = 0, *port = 0;
    int code = -1;
    if (library->core_read_model_from_memory_buffer(library->core, text, (size_t)length, 0, &model)) return -1;
    if (!library->model_const_input_by_index(model, 0, &port)) {
      library->port_get_element_type(port, &code);
      library->output_const_port_free(port);
    }
    library->model_free(model);
    if (code < 0 || code >= OPENVINO_TYPES) return -1;
    library->to_openvino[type] = code;
    library->from_openvino[code] = type;
  }
  return 0;
}

covino_library *covino_open(const char *file, char *error, size_t error_size) {
  static const cdynamic_symbol symbols[] = {
#define X(result, name, arguments) {"ov_" #name, offsetof(covino_library, name)},
      FUNCTIONS(X)
#undef X
  };
  void *handle = cdynamic_open(file, error, error_size);
  if (!handle) return 0;
  covino_library *library = calloc(1, sizeof *library);
  if (!library) {
    snprintf(error, error_size, "no memory");
    goto refused;
  }
  if (cdynamic_resolve(
          handle, symbols, sizeof symbols / sizeof *symbols, library, "its version is too old",
          error, error_size))
    goto refused;
  version_t version = {0};
  if (!library->get_openvino_version(&version)) {
    snprintf(library->version, sizeof library->version, "%s", version.build);
    library->version_free(&version);
  }
  if (library->core_create(&library->core)) {
    snprintf(error, error_size, "%s", library->get_last_err_msg());
    goto refused;
  }
  if (learn_types(library)) {
    snprintf(error, error_size, "its numbers of element types can't be read: %s", library->get_last_err_msg());
    library->core_free(library->core);
    goto refused;
  }
  // Never closed: its plugins have threads.
  return library;
refused:
  free(library);
  cdynamic_close(handle);
  return 0;
}

const char *covino_version(const covino_library *library) { return library->version; }
const char *covino_last_error(const covino_library *library) { return library->get_last_err_msg(); }

int covino_compile(
    covino_library *library, const char *model_file, const char *device, const char *const *properties, size_t count,
    covino_model **result) {
  object_t *source = 0, *compiled = 0;
  int status = library->core_read_model(library->core, model_file, 0, &source);
  if (status) return status;
  // The API takes any number of arguments and reads as many as its count says.
  const char *p[2 * COVINO_MAXIMUM_PROPERTIES] = {0};
  if (count > COVINO_MAXIMUM_PROPERTIES) count = COVINO_MAXIMUM_PROPERTIES;
  for (size_t i = 0; i < 2 * count; i++) p[i] = properties[i];
  status = library->core_compile_model(
      library->core, source, device, 2 * count, &compiled, p[0], p[1], p[2], p[3], p[4], p[5], p[6], p[7], p[8], p[9],
      p[10], p[11], p[12], p[13], p[14], p[15]);
  library->model_free(source);
  if (status) return status;
  covino_model *model = calloc(1, sizeof *model);
  if (!model) {
    library->compiled_model_free(compiled);
    return -1;
  }
  model->library = library;
  model->compiled = compiled;
  *result = model;
  return 0;
}

void covino_model_free(covino_model *model) {
  model->library->compiled_model_free(model->compiled);
  free(model);
}

int covino_port_count(const covino_model *model, int is_output, size_t *count) {
  return (is_output ? model->library->compiled_model_outputs_size : model->library->compiled_model_inputs_size)(
      model->compiled, count);
}

int covino_port_at(const covino_model *model, int is_output, size_t index, covino_port *result) {
  covino_library *library = model->library;
  object_t *port = 0;
  memset(result, 0, sizeof *result);
  int status = (is_output ? library->compiled_model_output_by_index : library->compiled_model_input_by_index)(
      model->compiled, index, &port);
  if (status) return status;
  int type = 0;
  library->port_get_element_type(port, &type);
  result->type = type >= 0 && type < OPENVINO_TYPES ? library->from_openvino[type] : COVINO_UNKNOWN;
  char *name = 0;
  if (!library->port_get_any_name(port, &name) && name) {
    snprintf(result->name, sizeof result->name, "%s", name);
    library->free(name);
  }
  partial_shape_t shape = {0};
  status = library->port_get_partial_shape(port, &shape);
  if (!status) {
    int is_open = shape.rank.minimum != shape.rank.maximum || shape.rank.maximum > COVINO_MAXIMUM_RANK;
    result->rank = is_open ? -1 : (int)shape.rank.maximum;
    for (int i = 0; i < result->rank; i++) {
      dimension_t d = shape.dimensions[i];
      result->dimensions[i] = d.minimum == d.maximum ? d.maximum : -1;
    }
    library->partial_shape_free(&shape);
  }
  library->output_const_port_free(port);
  return status;
}

int covino_request_create(covino_model *model, covino_request **result) {
  size_t count = 0;
  int status = covino_port_count(model, 0, &count);
  if (status) return status;
  covino_request *request = calloc(1, sizeof *request);
  if (!request) return -1;
  request->inputs = calloc(count ? count : 1, sizeof *request->inputs);
  request->input_count = count;
  request->library = model->library;
  status = request->inputs
      ? model->library->compiled_model_create_infer_request(model->compiled, &request->request) : -1;
  if (status) {
    free(request->inputs);
    free(request);
    return status;
  }
  *result = request;
  return 0;
}

void covino_request_free(covino_request *request) {
  request->library->infer_request_free(request->request);
  free(request->inputs);
  free(request);
}

static int describe(covino_library *library, object_t *tensor, covino_tensor *result) {
  shape_t shape = {0};
  int type = 0, status;
  memset(result, 0, sizeof *result);
  if ((status = library->tensor_get_byte_size(tensor, &result->size)) ||
      (status = library->tensor_get_element_type(tensor, &type)) ||
      (status = library->tensor_get_shape(tensor, &shape)))
    return status;
  result->type = type >= 0 && type < OPENVINO_TYPES ? library->from_openvino[type] : COVINO_UNKNOWN;
  result->rank = shape.rank > COVINO_MAXIMUM_RANK ? COVINO_MAXIMUM_RANK : (int)shape.rank;
  for (int i = 0; i < result->rank; i++) result->dimensions[i] = shape.dimensions[i];
  int is_deep = shape.rank > COVINO_MAXIMUM_RANK;
  library->shape_free(&shape);
  if (is_deep) return -1;
  return result->size ? library->tensor_data(tensor, &result->data) : 0;
}

int covino_request_lend(
    covino_request *request, size_t index, int type, int rank, const int64_t *dimensions, void *data) {
  if (index >= request->input_count || rank < 0 || rank > COVINO_MAXIMUM_RANK) return -1;
  if (type <= COVINO_UNKNOWN || type >= COVINO_TYPE_COUNT) return -1;
  covino_library *library = request->library;
  request->inputs[index].data = 0;
  shape_t shape = {0};
  object_t *lent = 0;
  int status = library->shape_create(rank, dimensions, &shape);
  if (status) return status;
  status = library->tensor_create_from_host_ptr(library->to_openvino[type], shape, data, &lent);
  library->shape_free(&shape);
  if (status) return status;
  status = library->infer_request_set_input_tensor_by_index(request->request, index, lent);
  library->tensor_free(lent);
  return status;
}

int covino_request_fill(
    covino_request *request, size_t index, int type, int rank, const int64_t *dimensions, const void *data, size_t size) {
  if (index >= request->input_count || rank < 0 || rank > COVINO_MAXIMUM_RANK) return -1;
  covino_library *library = request->library;
  covino_tensor *kept = &request->inputs[index];
  if (!kept->data || kept->type != type || kept->rank != rank ||
      memcmp(kept->dimensions, dimensions, (size_t)rank * sizeof *dimensions)) {
    if (type <= COVINO_UNKNOWN || type >= COVINO_TYPE_COUNT) return -1;
    shape_t shape = {0};
    object_t *created = 0;
    int status = library->shape_create(rank, dimensions, &shape);
    if (status) return status;
    status = library->tensor_create(library->to_openvino[type], shape, &created);
    library->shape_free(&shape);
    if (status) return status;
    // The request shares the tensor, whose memory lives on with it.
    memset(kept, 0, sizeof *kept);
    status = library->infer_request_set_input_tensor_by_index(request->request, index, created);
    if (!status) status = describe(library, created, kept);
    library->tensor_free(created);
    if (status) return status;
  }
  if (!kept->data || kept->size != size) return -1;
  memcpy(kept->data, data, size);
  return 0;
}

int covino_infer(covino_request *request) { return request->library->infer_request_infer(request->request); }

int covino_request_output(covino_request *request, size_t index, covino_tensor *tensor) {
  object_t *output = 0;
  int status = request->library->infer_request_get_output_tensor_by_index(request->request, index, &output);
  if (status) return status;
  status = describe(request->library, output, tensor);
  request->library->tensor_free(output);
  return status;
}
