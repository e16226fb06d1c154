#include "openvino_table.h"

#include <stdlib.h>
#include <string.h>

// INVALID_C_PARAM: also the answer to a request for the shape of a scalar, which the C API can't express.
enum { INVALID_PARAMETER = -14 };

struct covino_request {
  covino_model *model;
  covino_library *library;
  object_t *request;
  // Memory of inputs that were copied; no data where the last input was lent.
  covino_tensor *inputs;
  // Outputs whose shape was given; a type of COVINO_UNKNOWN where it was not.
  covino_tensor *outputs;
  // Byte that fills outputs before a run.
  unsigned char filler;
};

int covino_request_create(covino_model *model, covino_request **result) {
  covino_request *request = calloc(1, sizeof *request);
  if (!request) return -1;
  request->model = model;
  request->library = model->library;
  request->inputs = calloc(model->counts[0] + 1, sizeof *request->inputs);
  request->outputs = calloc(model->counts[1] + 1, sizeof *request->outputs);
  int status = request->inputs && request->outputs
      ? model->library->compiled_model_create_infer_request(model->compiled, &request->request) : -1;
  if (status) {
    covino_request_free(request);
    return status;
  }
  *result = request;
  return 0;
}

void covino_request_free(covino_request *request) {
  if (request->request) request->library->infer_request_free(request->request);
  free(request->inputs);
  free(request->outputs);
  free(request);
}

int covino_request_renew(covino_request *request) {
  object_t *fresh = 0;
  int status = request->library->compiled_model_create_infer_request(request->model->compiled, &fresh);
  if (status) return status;
  request->library->infer_request_free(request->request);
  request->request = fresh;
  memset(request->inputs, 0, request->model->counts[0] * sizeof *request->inputs);
  memset(request->outputs, 0, request->model->counts[1] * sizeof *request->outputs);
  return 0;
}

static int describe(covino_library *library, object_t *tensor, covino_tensor *result) {
  shape_t shape = {0};
  int type = 0, status;
  memset(result, 0, sizeof *result);
  if ((status = library->tensor_get_byte_size(tensor, &result->size)) ||
      (status = library->tensor_get_element_type(tensor, &type)))
    return status;
  result->type = type >= 0 && type < OPENVINO_TYPES ? library->from_openvino[type] : COVINO_UNKNOWN;
  status = library->tensor_get_shape(tensor, &shape);
  if (status == INVALID_PARAMETER && result->size > 0 && result->size <= 8) {
    // A scalar.
    result->shape.rank = 0;
  } else {
    if (status) return status;
    int is_deep = shape.rank < 0 || shape.rank > COVINO_MAXIMUM_RANK;
    result->shape.rank = is_deep ? 0 : (int)shape.rank;
    for (int i = 0; i < result->shape.rank; i++) result->shape.dimensions[i] = shape.dimensions[i];
    library->shape_free(&shape);
    if (is_deep) return -1;
  }
  if (!result->size) return 0;
  if ((status = library->tensor_data(tensor, &result->data))) return status;
  return result->data ? 0 : -1;
}

static int is_possible(int type, const covino_shape *shape) {
  return type > COVINO_UNKNOWN && type < COVINO_TYPE_COUNT && shape->rank >= 0 && shape->rank <= COVINO_MAXIMUM_RANK;
}

static int has_shape(const covino_tensor *tensor, int type, const covino_shape *shape) {
  return tensor->type == type && tensor->shape.rank == shape->rank &&
      !memcmp(tensor->shape.dimensions, shape->dimensions, (size_t)shape->rank * sizeof *shape->dimensions);
}

// Creates a tensor, in the caller's memory when `data` is given. The library copies the dimensions; it has no shapes of
// rank 0 of its own, and accepts those of others.
static int create(covino_library *library, int type, const covino_shape *given, void *data, object_t **result) {
  int64_t dimensions[COVINO_MAXIMUM_RANK] = {0};
  memcpy(dimensions, given->dimensions, sizeof dimensions);
  shape_t shape = {given->rank, dimensions};
  int number = library->to_openvino[type];
  return data ? library->tensor_create_from_host_ptr(number, shape, data, result)
              : library->tensor_create(number, shape, result);
}

int covino_request_lend(covino_request *request, size_t index, int type, const covino_shape *shape, void *data) {
  if (index >= request->model->counts[0] || !is_possible(type, shape) || !data) return -1;
  covino_library *library = request->library;
  memset(&request->inputs[index], 0, sizeof *request->inputs);
  object_t *lent = 0;
  int status = create(library, type, shape, data, &lent);
  if (status) return status;
  status = library->infer_request_set_input_tensor_by_index(request->request, index, lent);
  library->tensor_free(lent);
  return status;
}

int covino_request_fill(
    covino_request *request, size_t index, int type, const covino_shape *shape, const void *data, size_t size) {
  if (index >= request->model->counts[0] || !is_possible(type, shape)) return -1;
  covino_library *library = request->library;
  covino_tensor *kept = &request->inputs[index];
  if (!kept->data || !has_shape(kept, type, shape)) {
    object_t *created = 0;
    memset(kept, 0, sizeof *kept);
    int status = create(library, type, shape, 0, &created);
    if (status) return status;
    // The request shares the tensor, whose memory lives on with it.
    status = library->infer_request_set_input_tensor_by_index(request->request, index, created);
    if (!status) status = describe(library, created, kept);
    library->tensor_free(created);
    if (status) memset(kept, 0, sizeof *kept);
    if (status) return status;
  }
  if (!kept->data || kept->size != size) return -1;
  memcpy(kept->data, data, size);
  return 0;
}

int covino_request_expect(covino_request *request, size_t index, int type, const covino_shape *shape) {
  if (index >= request->model->counts[1] || !is_possible(type, shape)) return -1;
  covino_library *library = request->library;
  covino_tensor *kept = &request->outputs[index];
  if (has_shape(kept, type, shape)) return 0;
  object_t *created = 0;
  memset(kept, 0, sizeof *kept);
  int status = create(library, type, shape, 0, &created);
  if (status) return status;
  // The request shares the tensor here, too.
  status = library->infer_request_set_output_tensor_by_index(request->request, index, created);
  if (!status) status = describe(library, created, kept);
  library->tensor_free(created);
  if (!status && !has_shape(kept, type, shape)) status = -1;
  if (status) memset(kept, 0, sizeof *kept);
  return status;
}

int covino_infer(covino_request *request) {
  request->filler = request->filler == 0xa5 ? 0x5a : 0xa5;
  for (size_t i = 0; i < request->model->counts[1]; i++) {
    covino_tensor *kept = &request->outputs[i];
    if (kept->data) memset(kept->data, request->filler, kept->size);
  }
  return request->library->infer_request_infer(request->request);
}

// Whether the beginning or the end of an output still holds what was there before the run.
static int is_untouched(const covino_tensor *tensor, unsigned char filler) {
  unsigned char filled[8];
  memset(filled, filler, sizeof filled);
  size_t width = tensor->size < sizeof filled ? tensor->size : sizeof filled;
  const char *data = tensor->data;
  return width && (!memcmp(data, filled, width) || !memcmp(data + tensor->size - width, filled, width));
}

int covino_request_output(covino_request *request, size_t index, covino_tensor *tensor) {
  if (index >= request->model->counts[1]) return -1;
  object_t *output = 0;
  int status = request->library->infer_request_get_output_tensor_by_index(request->request, index, &output);
  if (status) return status;
  status = describe(request->library, output, tensor);
  request->library->tensor_free(output);
  const covino_tensor *kept = &request->outputs[index];
  if (status || kept->type == COVINO_UNKNOWN) return status;
  if (!has_shape(tensor, kept->type, &kept->shape) || tensor->data != kept->data) return COVINO_OTHER_SHAPE;
  return is_untouched(tensor, request->filler) ? COVINO_UNTOUCHED : 0;
}
