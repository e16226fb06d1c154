#include "onnxruntime_loader.h"

#include "dynamic_library.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef void object_t;
typedef void status_t;

typedef struct {
  const void *const *(*get_api)(uint32_t version);
  const char *(*get_version)(void);
} api_base_t;

// Name, index in the table of version 1, result, arguments.
#define FUNCTIONS(X)                                                                                                     \
  X(GetErrorMessage, 2, const char *, (const status_t *))                                                                \
  X(CreateEnv, 3, status_t *, (int, const char *, object_t **))                                                          \
  X(CreateSessionFromArray, 8, status_t *, (const object_t *, const void *, size_t, const object_t *, object_t **))      \
  X(Run, 9, status_t *,                                                                                                  \
    (object_t *, const object_t *, const char *const *, const object_t *const *, size_t, const char *const *, size_t,    \
     object_t **))                                                                                                       \
  X(CreateSessionOptions, 10, status_t *, (object_t **))                                                                 \
  X(SetIntraOpNumThreads, 24, status_t *, (object_t *, int))                                                             \
  X(SetInterOpNumThreads, 25, status_t *, (object_t *, int))                                                             \
  X(SessionGetInputCount, 30, status_t *, (const object_t *, size_t *))                                                  \
  X(SessionGetOutputCount, 31, status_t *, (const object_t *, size_t *))                                                 \
  X(SessionGetInputTypeInfo, 33, status_t *, (const object_t *, size_t, object_t **))                                    \
  X(SessionGetOutputTypeInfo, 34, status_t *, (const object_t *, size_t, object_t **))                                   \
  X(SessionGetInputName, 36, status_t *, (const object_t *, size_t, object_t *, char **))                                \
  X(SessionGetOutputName, 37, status_t *, (const object_t *, size_t, object_t *, char **))                               \
  X(CreateTensorWithDataAsOrtValue, 49, status_t *,                                                                      \
    (const object_t *, void *, size_t, const int64_t *, size_t, int, object_t **))                                       \
  X(IsTensor, 50, status_t *, (const object_t *, int *))                                                                 \
  X(GetTensorMutableData, 51, status_t *, (object_t *, void **))                                                         \
  X(CastTypeInfoToTensorInfo, 55, status_t *, (const object_t *, const object_t **))                                     \
  X(GetTensorElementType, 60, status_t *, (const object_t *, int *))                                                     \
  X(GetDimensionsCount, 61, status_t *, (const object_t *, size_t *))                                                    \
  X(GetDimensions, 62, status_t *, (const object_t *, int64_t *, size_t))                                                \
  X(GetTensorShapeElementCount, 64, status_t *, (const object_t *, size_t *))                                            \
  X(GetTensorTypeAndShape, 65, status_t *, (const object_t *, object_t **))                                              \
  X(CreateCpuMemoryInfo, 69, status_t *, (int, int, object_t **))                                                        \
  X(AllocatorFree, 76, status_t *, (object_t *, void *))                                                                 \
  X(GetAllocatorWithDefaultOptions, 78, status_t *, (object_t **))                                                       \
  X(ReleaseStatus, 93, void, (status_t *))                                                                               \
  X(ReleaseSession, 95, void, (object_t *))                                                                              \
  X(ReleaseValue, 96, void, (object_t *))                                                                                \
  X(ReleaseTypeInfo, 98, void, (object_t *))                                                                             \
  X(ReleaseTensorTypeAndShapeInfo, 99, void, (object_t *))                                                               \
  X(ReleaseSessionOptions, 100, void, (object_t *))

struct conr_library {
  char version[64];
  object_t *environment, *memory, *allocator;
#define X(name, index, result, arguments) result(*name) arguments;
  FUNCTIONS(X)
#undef X
};

struct conr_session {
  conr_library *library;
  object_t *session;
  size_t counts[2];
  conr_port *ports[2];
};

// Takes the reason out of a status.
static int failed(const conr_library *library, status_t *status, char *error, size_t error_size) {
  if (!status) return 0;
  const char *text = library->GetErrorMessage(status);
  if (error) snprintf(error, error_size, "%s", text && *text ? text : "ONNX Runtime gives no reason");
  library->ReleaseStatus(status);
  return 1;
}

typedef struct {
  const api_base_t *(*get_base)(void);
} entry_t;

conr_library *conr_open(const char *file, char *error, size_t error_size) {
  static const cdynamic_symbol symbol = {"OrtGetApiBase", offsetof(entry_t, get_base)};
  void *handle = cdynamic_open(file, error, error_size);
  if (!handle) return 0;
  entry_t entry = {0};
  if (cdynamic_resolve(handle, &symbol, 1, &entry, "it is not ONNX Runtime", error, error_size)) {
    cdynamic_close(handle);
    return 0;
  }
  // From here on the library stays open: ONNX Runtime has threads.
  const api_base_t *base = entry.get_base();
  const void *const *table = base ? base->get_api(1) : 0;
  conr_library *library = table ? calloc(1, sizeof *library) : 0;
  if (!library) {
    snprintf(error, error_size, "it does not offer version 1 of ONNX Runtime's functions");
    return 0;
  }
#define X(name, index, result, arguments) library->name = (result(*) arguments)(uintptr_t)table[index];
  FUNCTIONS(X)
#undef X
  const char *version = base->get_version();
  snprintf(library->version, sizeof library->version, "%s", version ? version : "unknown");
  // 3: errors alone are logged. 1 and 0: the arena's memory, of the kind that the processor uses.
  if (failed(library, library->CreateEnv(3, "vrbridge", &library->environment), error, error_size) ||
      failed(library, library->CreateCpuMemoryInfo(1, 0, &library->memory), error, error_size) ||
      failed(library, library->GetAllocatorWithDefaultOptions(&library->allocator), error, error_size)) {
    free(library);
    return 0;
  }
  return library;
}

const char *conr_version(const conr_library *library) { return library->version; }

size_t conr_width(int type) {
  static const unsigned char widths[] = {0, 4, 1, 1, 2, 2, 4, 8, 0, 1, 2, 8, 4, 8, 0, 0, 2};
  return type > 0 && type < (int)sizeof widths ? widths[type] : 0;
}

// Reads type and shape; rank -1 for what is no tensor, or has too many dimensions.
static int describe(const conr_library *library, const object_t *info, int *type, int *rank, int64_t *dimensions) {
  size_t count = 0;
  if (failed(library, library->GetTensorElementType(info, type), 0, 0) ||
      failed(library, library->GetDimensionsCount(info, &count), 0, 0) || count > CONR_MAXIMUM_RANK ||
      failed(library, library->GetDimensions(info, dimensions, count), 0, 0))
    return -1;
  *rank = (int)count;
  return 0;
}

static int learn_port(conr_session *session, int is_output, size_t index, char *error, size_t error_size) {
  conr_library *library = session->library;
  conr_port *port = &session->ports[is_output][index];
  char *name = 0;
  if (failed(library,
             (is_output ? library->SessionGetOutputName : library->SessionGetInputName)(
                 session->session, index, library->allocator, &name),
             error, error_size))
    return -1;
  if (!name) {
    snprintf(error, error_size, "a tensor has no name");
    return -1;
  }
  int fits = snprintf(port->name, sizeof port->name, "%s", name) < (int)sizeof port->name;
  failed(library, library->AllocatorFree(library->allocator, name), 0, 0);
  object_t *information = 0;
  if (failed(library,
             (is_output ? library->SessionGetOutputTypeInfo : library->SessionGetInputTypeInfo)(
                 session->session, index, &information),
             error, error_size))
    return -1;
  const object_t *tensor = 0;
  int status = -1;
  if (!failed(library, library->CastTypeInfoToTensorInfo(information, &tensor), 0, 0) && tensor)
    status = describe(library, tensor, &port->type, &port->rank, port->dimensions);
  library->ReleaseTypeInfo(information);
  if (status)
    snprintf(error, error_size, "'%.200s' is no tensor that can be used", port->name);
  else if (!fits)
    snprintf(error, error_size, "the name of '%.200s…' has more than %d bytes", port->name, CONR_MAXIMUM_NAME - 1);
  return status || !fits ? -1 : 0;
}

conr_session *conr_session_create(
    conr_library *library, const void *bytes, size_t size, int threads, char *error, size_t error_size) {
  conr_session *session = calloc(1, sizeof *session);
  object_t *options = 0;
  snprintf(error, error_size, "there is no memory for it");
  if (!session || failed(library, library->CreateSessionOptions(&options), error, error_size)) {
    free(session);
    return 0;
  }
  session->library = library;
  int refused = failed(library, library->SetIntraOpNumThreads(options, threads), error, error_size) ||
                failed(library, library->SetInterOpNumThreads(options, 1), error, error_size) ||
                failed(library,
                       library->CreateSessionFromArray(library->environment, bytes, size, options, &session->session),
                       error, error_size);
  library->ReleaseSessionOptions(options);
  for (int is_output = 0; !refused && is_output < 2; is_output++) {
    refused = failed(library,
                     (is_output ? library->SessionGetOutputCount : library->SessionGetInputCount)(
                         session->session, &session->counts[is_output]),
                     error, error_size);
    if (refused) break;
    session->ports[is_output] = calloc(session->counts[is_output] + 1, sizeof(conr_port));
    refused = !session->ports[is_output];
    for (size_t index = 0; !refused && index < session->counts[is_output]; index++)
      refused = learn_port(session, is_output, index, error, error_size);
  }
  if (!refused) return session;
  conr_session_free(session);
  return 0;
}

void conr_session_free(conr_session *session) {
  if (session->session) session->library->ReleaseSession(session->session);
  free(session->ports[0]);
  free(session->ports[1]);
  free(session);
}

size_t conr_port_count(const conr_session *session, int is_output) { return session->counts[is_output != 0]; }

const conr_port *conr_port_at(const conr_session *session, int is_output, size_t index) {
  return &session->ports[is_output != 0][index];
}

static int read_output(const conr_library *library, conr_tensor *output, char *error, size_t error_size) {
  object_t *information = 0;
  size_t count = 0;
  void *data = 0;
  int is_tensor = 0;
  if (failed(library, library->IsTensor(output->value, &is_tensor), error, error_size) || !is_tensor) return -1;
  if (failed(library, library->GetTensorTypeAndShape(output->value, &information), error, error_size)) return -1;
  int status = describe(library, information, &output->type, &output->rank, output->dimensions);
  if (!status) status = failed(library, library->GetTensorShapeElementCount(information, &count), error, error_size);
  library->ReleaseTensorTypeAndShapeInfo(information);
  if (status || !conr_width(output->type)) return -1;
  if (failed(library, library->GetTensorMutableData(output->value, &data), error, error_size)) return -1;
  output->data = data;
  output->size = count * conr_width(output->type);
  return 0;
}

int conr_run(
    conr_session *session, const conr_tensor *inputs, conr_tensor *outputs, char *error, size_t error_size) {
  conr_library *library = session->library;
  size_t given = session->counts[0], wanted = session->counts[1];
  snprintf(error, error_size, "an output can't be used");
  const char **names = calloc(given + wanted + 1, sizeof *names);
  object_t **values = calloc(given + wanted + 1, sizeof *values);
  int status = names && values ? 0 : -1;
  for (size_t i = 0; !status && i < given; i++) {
    names[i] = session->ports[0][i].name;
    // What goes in is only read; the interface does not say so.
    status = failed(library,
                    library->CreateTensorWithDataAsOrtValue(
                        library->memory, (void *)(uintptr_t)inputs[i].data, inputs[i].size, inputs[i].dimensions,
                        (size_t)inputs[i].rank, inputs[i].type, &values[i]),
                    error, error_size);
  }
  for (size_t i = 0; i < wanted && names; i++) names[given + i] = session->ports[1][i].name;
  if (!status)
    status = failed(library,
                    library->Run(session->session, 0, names, (const object_t *const *)values, given, names + given,
                                 wanted, values + given),
                    error, error_size);
  for (size_t i = 0; i < wanted; i++) outputs[i].value = values ? values[given + i] : 0;
  for (size_t i = 0; !status && i < wanted; i++) status = read_output(library, &outputs[i], error, error_size);
  for (size_t i = 0; i < given && values; i++)
    if (values[i]) library->ReleaseValue(values[i]);
  if (status) conr_values_free(session, outputs);
  free(names);
  free(values);
  return status ? -1 : 0;
}

void conr_values_free(conr_session *session, conr_tensor *outputs) {
  for (size_t i = 0; i < session->counts[1]; i++) {
    if (outputs[i].value) session->library->ReleaseValue(outputs[i].value);
    outputs[i].value = 0;
  }
}
