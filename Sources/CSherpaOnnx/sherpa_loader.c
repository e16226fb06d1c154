#include "sherpa_loader.h"

#include "dynamic_library.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Layout of sherpa-onnx 2.0's structures, as far as they are written or read here. The test
// `layoutsAreThoseOfTheHeader` compiles the library's own header and compares sizes and offsets.
#include "sherpa_layout.h"

static const char *const known_version = "2.0.";

#define FUNCTIONS(X)                                                                                 \
  X(const char *, GetVersionStr, (void))                                                             \
  X(const void *, CreateOfflineRecognizer, (const sherpa_recogniser_config *))                       \
  X(void, DestroyOfflineRecognizer, (const void *))                                                  \
  X(const void *, CreateOfflineStream, (const void *))                                               \
  X(void, DestroyOfflineStream, (const void *))                                                      \
  X(void, AcceptWaveformOffline, (const void *, int32_t, const float *, int32_t))                    \
  X(void, DecodeOfflineStream, (const void *, const void *))                                         \
  X(const sherpa_result *, GetOfflineStreamResult, (const void *))                                   \
  X(void, DestroyOfflineRecognizerResult, (const sherpa_result *))                                   \
  X(const void *, CreateVoiceActivityDetector, (const sherpa_vad_config *, float))                   \
  X(void, DestroyVoiceActivityDetector, (const void *))                                              \
  X(void, VoiceActivityDetectorAcceptWaveform, (const void *, const float *, int32_t))               \
  X(int32_t, VoiceActivityDetectorDetected, (const void *))                                          \
  X(void, VoiceActivityDetectorClear, (const void *))                                                \
  X(void, VoiceActivityDetectorReset, (const void *))

struct csherpa_library {
  char version[64];
#define X(result, name, arguments) result(*name) arguments;
  FUNCTIONS(X)
#undef X
};

struct csherpa_recogniser {
  const csherpa_library *library;
  const void *recogniser;
};

struct csherpa_detector {
  const csherpa_library *library;
  const void *detector;
};

csherpa_library *csherpa_open(const char *file, char *error, size_t error_size) {
  static const cdynamic_symbol symbols[] = {
#define X(result, name, arguments) {"SherpaOnnx" #name, offsetof(csherpa_library, name)},
      FUNCTIONS(X)
#undef X
  };
  void *handle = cdynamic_open(file, error, error_size);
  if (!handle) return 0;
  csherpa_library *library = calloc(1, sizeof *library);
  if (!library) {
    snprintf(error, error_size, "no memory");
    goto refused;
  }
  if (cdynamic_resolve(
          handle, symbols, sizeof symbols / sizeof *symbols, library, "it is of another version than 2.0", error, error_size))
    goto refused;
  snprintf(library->version, sizeof library->version, "%s", library->GetVersionStr());
  if (strncmp(library->version, known_version, strlen(known_version))) {
    snprintf(error, error_size, "it is version %s, and 2.0 is needed", library->version);
    goto refused;
  }
  // Never closed: ONNX Runtime has threads.
  return library;
refused:
  free(library);
  cdynamic_close(handle);
  return 0;
}

const char *csherpa_version(const csherpa_library *library) { return library->version; }

csherpa_recogniser *csherpa_recogniser_create(const csherpa_library *library, const csherpa_model *model) {
  sherpa_recogniser_config config;
  memset(&config, 0, sizeof config);
  config.feature.sample_rate = 16000;
  config.feature.dimension = 80;
  config.decoding_method = "greedy_search";
  config.model.tokens = model->tokens;
  config.model.threads = model->threads;
  config.model.provider = "cpu";
  const char *language = model->language ? model->language : "";
  switch (model->architecture) {
  case CSHERPA_MOONSHINE:
    config.model.moonshine.encoder = model->encoder;
    config.model.moonshine.merged_decoder = model->decoder;
    break;
  case CSHERPA_WHISPER:
    config.model.whisper.encoder = model->encoder;
    config.model.whisper.decoder = model->decoder;
    config.model.whisper.language = language;
    config.model.whisper.task = "transcribe";
    config.model.whisper.tail_paddings = -1;
    break;
  case CSHERPA_TRANSDUCER:
    config.model.transducer.encoder = model->encoder;
    config.model.transducer.decoder = model->decoder;
    config.model.transducer.joiner = model->joiner;
    break;
  case CSHERPA_PARAFORMER: config.model.paraformer = model->encoder; break;
  case CSHERPA_SENSE_VOICE:
    config.model.sense_voice.model = model->encoder;
    config.model.sense_voice.language = language;
    config.model.sense_voice.use_itn = 1;
    break;
  case CSHERPA_ZIPFORMER_CTC: config.model.zipformer_ctc = model->encoder; break;
  case CSHERPA_NEMO_CTC: config.model.nemo_ctc = model->encoder; break;
  default: return 0;
  }
  const void *recogniser = library->CreateOfflineRecognizer(&config);
  if (!recogniser) return 0;
  csherpa_recogniser *result = calloc(1, sizeof *result);
  if (!result) {
    library->DestroyOfflineRecognizer(recogniser);
    return 0;
  }
  result->library = library;
  result->recogniser = recogniser;
  return result;
}

void csherpa_recogniser_free(csherpa_recogniser *recogniser) {
  recogniser->library->DestroyOfflineRecognizer(recogniser->recogniser);
  free(recogniser);
}

int csherpa_recognise(csherpa_recogniser *recogniser, const float *samples, int count, csherpa_result *result) {
  const csherpa_library *library = recogniser->library;
  memset(result, 0, sizeof *result);
  const void *stream = library->CreateOfflineStream(recogniser->recogniser);
  if (!stream) return -1;
  library->AcceptWaveformOffline(stream, 16000, samples, count);
  library->DecodeOfflineStream(recogniser->recogniser, stream);
  const sherpa_result *found = library->GetOfflineStreamResult(stream);
  library->DestroyOfflineStream(stream);
  if (!found) return -1;
  result->owner = found;
  result->text = found->text;
  result->language = found->language;
  result->tokens = found->token_texts;
  result->times = found->timestamps;
  result->log_probabilities = found->log_probabilities;
  result->count = found->count;
  return 0;
}

void csherpa_result_free(csherpa_recogniser *recogniser, csherpa_result *result) {
  recogniser->library->DestroyOfflineRecognizerResult(result->owner);
}

csherpa_detector *csherpa_detector_create(
    const csherpa_library *library, const char *model, float threshold, float silence, float speech, int window) {
  sherpa_vad_config config;
  memset(&config, 0, sizeof config);
  config.silero.model = model;
  config.silero.threshold = threshold;
  config.silero.min_silence = silence;
  config.silero.min_speech = speech;
  config.silero.window = window;
  config.silero.max_speech = 40;
  config.sample_rate = 16000;
  config.threads = 1;
  config.provider = "cpu";
  const void *detector = library->CreateVoiceActivityDetector(&config, 60);
  if (!detector) return 0;
  csherpa_detector *result = calloc(1, sizeof *result);
  if (!result) {
    library->DestroyVoiceActivityDetector(detector);
    return 0;
  }
  result->library = library;
  result->detector = detector;
  return result;
}

void csherpa_detector_free(csherpa_detector *detector) {
  detector->library->DestroyVoiceActivityDetector(detector->detector);
  free(detector);
}

int csherpa_detect(csherpa_detector *detector, const float *samples, int count) {
  detector->library->VoiceActivityDetectorAcceptWaveform(detector->detector, samples, count);
  // The detector's own segments are discarded: the caller cuts segments with a wider margin.
  detector->library->VoiceActivityDetectorClear(detector->detector);
  return detector->library->VoiceActivityDetectorDetected(detector->detector);
}

void csherpa_detector_reset(csherpa_detector *detector) {
  detector->library->VoiceActivityDetectorReset(detector->detector);
}

int csherpa_multiplies_signed_bytes(void) {
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx512vnni") || __builtin_cpu_supports("avxvnni") ? 1 : 0;
#else
  return 0;
#endif
}
