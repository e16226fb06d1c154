/// sherpa-onnx's C API, opened at run time (`dynamic_library.h`).
///
/// Facts: c-api.h of sherpa-onnx 2.0 (Apache-2.0). Its structures are passed by address and have changed between
/// releases, so only the version whose layout stands in `sherpa_layout.h` is accepted.
#ifndef VRBRIDGE_SHERPA_LOADER_H
#define VRBRIDGE_SHERPA_LOADER_H

#include <stddef.h>
#include <stdint.h>

typedef struct csherpa_library csherpa_library;
typedef struct csherpa_recogniser csherpa_recogniser;
typedef struct csherpa_detector csherpa_detector;

/// Architectures of recognisers.
enum {
  CSHERPA_MOONSHINE,
  CSHERPA_WHISPER,
  CSHERPA_TRANSDUCER,
  CSHERPA_PARAFORMER,
  CSHERPA_SENSE_VOICE,
  CSHERPA_ZIPFORMER_CTC,
  CSHERPA_NEMO_CTC,
  CSHERPA_ARCHITECTURE_COUNT
};

/// Files by their part; NULL where the architecture has none. The file of a one-file model is `encoder`.
typedef struct {
  int architecture;
  const char *encoder;
  const char *decoder;
  const char *joiner;
  const char *tokens;
  /// For models of several languages; NULL or "" for the model's own choice.
  const char *language;
  int threads;
} csherpa_model;

/// Valid until `csherpa_result_free`.
typedef struct {
  const char *text;
  const char *language;
  /// Each NULL where the model gives none; `count` entries otherwise.
  const char *const *tokens;
  const float *times;
  const float *log_probabilities;
  int count;
  const void *owner;
} csherpa_result;

/// Opens sherpa-onnx by path, or by name with the linker's search. NULL on failure, with the reason in `error`.
csherpa_library *csherpa_open(const char *file, char *error, size_t error_size);
const char *csherpa_version(const csherpa_library *library);

/// NULL when the model can't be read.
csherpa_recogniser *csherpa_recogniser_create(const csherpa_library *library, const csherpa_model *model);
void csherpa_recogniser_free(csherpa_recogniser *recogniser);
/// Samples at 16 kHz, -1 to 1. Returns 0, or -1 when there is no result.
int csherpa_recognise(csherpa_recogniser *recogniser, const float *samples, int count, csherpa_result *result);
void csherpa_result_free(csherpa_recogniser *recogniser, csherpa_result *result);

/// Silero VAD: judges `window` samples at 16 kHz at a time; speech ends after `silence` seconds below the threshold.
csherpa_detector *csherpa_detector_create(
    const csherpa_library *library, const char *model, float threshold, float silence, float speech, int window);
void csherpa_detector_free(csherpa_detector *detector);
/// Returns whether the window is in speech.
int csherpa_detect(csherpa_detector *detector, const float *samples, int count);
void csherpa_detector_reset(csherpa_detector *detector);

/// 1 when the processor has dot products of unsigned by signed bytes that do not overflow (VNNI).
int csherpa_multiplies_signed_bytes(void);

#endif
