/// Structures of sherpa-onnx 2.0's C API, laid out as in its c-api.h; what is never written here is an array of the
/// same size. For the loader and the test that compares them with the header.
#ifndef VRBRIDGE_SHERPA_LAYOUT_H
#define VRBRIDGE_SHERPA_LAYOUT_H

#include <stdint.h>

typedef struct {
  int32_t sample_rate, dimension;
} sherpa_feature_config;

typedef struct {
  const char *encoder, *decoder, *joiner;
} sherpa_transducer_config;

typedef struct {
  const char *encoder, *decoder, *language, *task;
  int32_t tail_paddings, token_timestamps, segment_timestamps;
} sherpa_whisper_config;

typedef struct {
  const char *model, *language;
  int32_t use_itn;
} sherpa_sense_voice_config;

typedef struct {
  const char *preprocessor, *encoder, *uncached_decoder, *cached_decoder, *merged_decoder;
} sherpa_moonshine_config;

typedef struct {
  sherpa_transducer_config transducer;
  const char *paraformer;
  const char *nemo_ctc;
  sherpa_whisper_config whisper;
  const char *tdnn;
  const char *tokens;
  int32_t threads, debug;
  const char *provider, *model_type, *modeling_unit, *bpe_vocabulary, *telespeech_ctc;
  sherpa_sense_voice_config sense_voice;
  sherpa_moonshine_config moonshine;
  const char *fire_red_asr[2];
  const char *dolphin;
  const char *zipformer_ctc;
  // canary, wenet, omnilingual, medasr, funasr_nano, fire_red_asr_ctc, qwen3, cohere
  uint64_t others[5 + 1 + 1 + 1 + 11 + 1 + 8 + 4];
} sherpa_model_config;

typedef struct {
  sherpa_feature_config feature;
  sherpa_model_config model;
  // language model
  const char *language_model;
  float language_model_scale;
  const char *decoding_method;
  int32_t active_paths;
  const char *hotwords;
  float hotwords_score;
  const char *rule_fsts, *rule_fars;
  float blank_penalty;
  const char *homophones[3];
  const char *graph;
  int32_t graph_active;
} sherpa_recogniser_config;

typedef struct {
  const char *text;
  float *timestamps;
  int32_t count;
  const char *tokens;
  const char *const *token_texts;
  const char *json, *language, *emotion, *event;
  float *durations, *log_probabilities;
} sherpa_result;

typedef struct {
  const char *model;
  float threshold, min_silence, min_speech;
  int32_t window;
  float max_speech;
} sherpa_detector_config;

typedef struct {
  sherpa_detector_config silero;
  int32_t sample_rate, threads;
  const char *provider;
  int32_t debug;
  sherpa_detector_config ten;
} sherpa_vad_config;

#endif
