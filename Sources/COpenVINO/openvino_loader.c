#include "openvino_table.h"

#include "dynamic_library.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
      if (library->port_get_element_type(port, &code)) code = -1;
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
  snprintf(library->version, sizeof library->version, "unknown");
  version_t version = {0};
  if (!library->get_openvino_version(&version)) {
    if (version.build) snprintf(library->version, sizeof library->version, "%s", version.build);
    library->version_free(&version);
  }
  if (library->core_create(&library->core)) {
    snprintf(error, error_size, "it can't be started: %s", covino_last_error(library));
    goto refused;
  }
  if (learn_types(library)) {
    snprintf(error, error_size, "its numbers of element types can't be read: %s", covino_last_error(library));
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

const char *covino_last_error(const covino_library *library) {
  const char *text = library->get_last_err_msg();
  return text ? text : "";
}

int covino_compile(
    covino_library *library, const char *model_file, const char *device, const char *const *properties, size_t count,
    covino_model **result) {
  covino_model *model = calloc(1, sizeof *model);
  if (!model) return -1;
  model->library = library;
  int status = library->core_read_model(library->core, model_file, 0, &model->source);
  if (!status) {
    // The API takes any number of arguments and reads as many as its count says.
    const char *p[2 * COVINO_MAXIMUM_PROPERTIES] = {0};
    if (count > COVINO_MAXIMUM_PROPERTIES) count = COVINO_MAXIMUM_PROPERTIES;
    for (size_t i = 0; i < 2 * count; i++) p[i] = properties[i];
    status = library->core_compile_model(
        library->core, model->source, device, 2 * count, &model->compiled, p[0], p[1], p[2], p[3], p[4], p[5], p[6],
        p[7], p[8], p[9], p[10], p[11], p[12], p[13], p[14], p[15]);
  }
  if (!status) status = library->compiled_model_inputs_size(model->compiled, &model->counts[0]);
  if (!status) status = library->compiled_model_outputs_size(model->compiled, &model->counts[1]);
  if (status) {
    covino_model_free(model);
    return status;
  }
  *result = model;
  return 0;
}

void covino_model_free(covino_model *model) {
  if (model->source) model->library->model_free(model->source);
  if (model->compiled) model->library->compiled_model_free(model->compiled);
  free(model);
}

void covino_model_settle(covino_model *model) {
  if (model->source) model->library->model_free(model->source);
  model->source = 0;
}

int covino_has_open_shapes(const covino_model *model) {
  return model->source ? model->library->model_is_dynamic(model->source) : 0;
}

size_t covino_port_count(const covino_model *model, int is_output) { return model->counts[is_output != 0]; }

// Reads the shape of a port; a rank of -1 for one that is open or too high.
static int read_shape(covino_library *library, const object_t *port, covino_shape *result) {
  partial_shape_t shape = {0};
  int status = library->port_get_partial_shape(port, &shape);
  if (status) return status;
  int is_open = shape.rank.minimum != shape.rank.maximum || shape.rank.maximum > COVINO_MAXIMUM_RANK;
  result->rank = is_open ? -1 : (int)shape.rank.maximum;
  for (int i = 0; i < result->rank; i++) {
    dimension_t d = shape.dimensions[i];
    result->dimensions[i] = d.minimum == d.maximum ? d.maximum : -1;
  }
  library->partial_shape_free(&shape);
  return 0;
}

int covino_port_at(const covino_model *model, int is_output, size_t index, covino_port *result) {
  covino_library *library = model->library;
  object_t *port = 0;
  memset(result, 0, sizeof *result);
  int status = (is_output ? library->compiled_model_output_by_index : library->compiled_model_input_by_index)(
      model->compiled, index, &port);
  if (status) return status;
  int type = 0;
  status = library->port_get_element_type(port, &type);
  result->type = !status && type >= 0 && type < OPENVINO_TYPES ? library->from_openvino[type] : COVINO_UNKNOWN;
  char *name = 0;
  // A tensor without a name is an error of the call, and none here.
  if (!library->port_get_any_name(port, &name) && name) {
    snprintf(result->name, sizeof result->name, "%s", name);
    library->free(name);
  }
  if (!status) status = read_shape(library, port, &result->shape);
  library->output_const_port_free(port);
  return status;
}

int covino_infer_shapes(
    covino_model *model, const covino_shape *inputs, covino_shape *outputs, int *has_open_shapes) {
  covino_library *library = model->library;
  size_t count = model->counts[0];
  if (!model->source) return -1;
  size_t *indices = calloc(count + 1, sizeof *indices);
  partial_shape_t *shapes = calloc(count + 1, sizeof *shapes);
  dimension_t *dimensions = calloc(count * COVINO_MAXIMUM_RANK + 1, sizeof *dimensions);
  int status = indices && shapes && dimensions ? 0 : -1;
  size_t given = 0;
  for (size_t i = 0; !status && i < count; i++) {
    if (inputs[i].rank < 0 || inputs[i].rank > COVINO_MAXIMUM_RANK) status = -1;
    // The C API takes a rank of 0 for an open one. A scalar has one shape.
    if (status || inputs[i].rank == 0) continue;
    indices[given] = i;
    shapes[given].rank.minimum = shapes[given].rank.maximum = inputs[i].rank;
    shapes[given].dimensions = dimensions + given * COVINO_MAXIMUM_RANK;
    for (int d = 0; d < inputs[i].rank; d++)
      shapes[given].dimensions[d].minimum = shapes[given].dimensions[d].maximum = inputs[i].dimensions[d];
    given++;
  }
  // A failure leaves the model with its earlier shapes.
  if (!status && given) status = library->model_reshape_by_port_indexes(model->source, indices, shapes, given);
  free(indices);
  free(shapes);
  free(dimensions);
  for (size_t i = 0; !status && i < model->counts[1]; i++) {
    object_t *port = 0;
    status = library->model_const_output_by_index(model->source, i, &port);
    if (status) break;
    status = read_shape(library, port, &outputs[i]);
    library->output_const_port_free(port);
  }
  if (!status) *has_open_shapes = library->model_is_dynamic(model->source);
  return status;
}
