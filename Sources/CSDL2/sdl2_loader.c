#include "CSDL2.h"

#include "dynamic_library.h"
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

// Result, name, parameters, arguments, result without the library.
#define FUNCTIONS(X)                                                                                                     \
  X(int, SDL_AudioStreamAvailable, (SDL_AudioStream * stream), (stream), 0)                                              \
  X(int, SDL_AudioStreamFlush, (SDL_AudioStream * stream), (stream), -1)                                                 \
  X(int, SDL_AudioStreamGet, (SDL_AudioStream * stream, void *bytes, int count), (stream, bytes, count), -1)             \
  X(int, SDL_AudioStreamPut, (SDL_AudioStream * stream, const void *bytes, int count), (stream, bytes, count), -1)       \
  X(Uint32, SDL_DequeueAudio, (SDL_AudioDeviceID device, void *bytes, Uint32 count), (device, bytes, count), 0)          \
  X(Sint16, SDL_GameControllerGetAxis, (SDL_GameController * pad, SDL_GameControllerAxis axis), (pad, axis), 0)          \
  X(Uint8, SDL_GameControllerGetButton, (SDL_GameController * pad, SDL_GameControllerButton button), (pad, button), 0)   \
  X(SDL_Joystick *, SDL_GameControllerGetJoystick, (SDL_GameController * pad), (pad), NULL)                              \
  X(const char *, SDL_GameControllerGetSerial, (SDL_GameController * pad), (pad), NULL)                                  \
  X(SDL_bool, SDL_GameControllerHasSensor, (SDL_GameController * pad, SDL_SensorType type), (pad, type), SDL_FALSE)      \
  X(const char *, SDL_GameControllerName, (SDL_GameController * pad), (pad), NULL)                                       \
  X(SDL_GameController *, SDL_GameControllerOpen, (int index), (index), NULL)                                            \
  X(const char *, SDL_GameControllerPath, (SDL_GameController * pad), (pad), NULL)                                       \
  X(int, SDL_GameControllerRumble, (SDL_GameController * pad, Uint16 low, Uint16 high, Uint32 ms), (pad, low, high, ms), \
    -1)                                                                                                                  \
  X(int, SDL_GameControllerSetLED, (SDL_GameController * pad, Uint8 red, Uint8 green, Uint8 blue),                       \
    (pad, red, green, blue), -1)                                                                                         \
  X(int, SDL_GameControllerSetSensorEnabled, (SDL_GameController * pad, SDL_SensorType type, SDL_bool enabled),          \
    (pad, type, enabled), -1)                                                                                            \
  X(const char *, SDL_GetAudioDeviceName, (int index, int is_capture), (index, is_capture), NULL)                        \
  X(SDL_AudioStatus, SDL_GetAudioDeviceStatus, (SDL_AudioDeviceID device), (device), SDL_AUDIO_STOPPED)                  \
  X(int, SDL_GetDefaultAudioInfo, (char **name, SDL_AudioSpec *spec, int is_capture), (name, spec, is_capture), -1)      \
  X(const char *, SDL_GetError, (void), (), reason)                                                                      \
  X(int, SDL_GetNumAudioDevices, (int is_capture), (is_capture), -1)                                                     \
  X(Uint32, SDL_GetQueuedAudioSize, (SDL_AudioDeviceID device), (device), 0)                                             \
  X(int, SDL_InitSubSystem, (Uint32 flags), (flags), -1)                                                                 \
  X(SDL_JoystickPowerLevel, SDL_JoystickCurrentPowerLevel, (SDL_Joystick * joystick), (joystick),                        \
    SDL_JOYSTICK_POWER_UNKNOWN)                                                                                          \
  X(SDL_JoystickID, SDL_JoystickGetDeviceInstanceID, (int index), (index), -1)                                           \
  X(Uint16, SDL_JoystickGetDeviceProduct, (int index), (index), 0)                                                       \
  X(Uint16, SDL_JoystickGetDeviceVendor, (int index), (index), 0)                                                        \
  X(SDL_AudioSpec *, SDL_LoadWAV_RW,                                                                                     \
    (SDL_RWops * source, int closes, SDL_AudioSpec *spec, Uint8 **bytes, Uint32 *count),                                 \
    (source, closes, spec, bytes, count), NULL)                                                                          \
  X(SDL_AudioStream *, SDL_NewAudioStream,                                                                               \
    (const SDL_AudioFormat from, const Uint8 from_channels, const int from_rate, const SDL_AudioFormat to,               \
     const Uint8 to_channels, const int to_rate),                                                                        \
    (from, from_channels, from_rate, to, to_channels, to_rate), NULL)                                                    \
  X(SDL_AudioDeviceID, SDL_OpenAudioDevice,                                                                              \
    (const char *name, int is_capture, const SDL_AudioSpec *wanted, SDL_AudioSpec *given, int changes),                  \
    (name, is_capture, wanted, given, changes), 0)                                                                       \
  X(int, SDL_PollEvent, (SDL_Event * event), (event), 0)                                                                 \
  X(SDL_RWops *, SDL_RWFromConstMem, (const void *bytes, int count), (bytes, count), NULL)                               \
  X(SDL_bool, SDL_SetHint, (const char *name, const char *value), (name, value), SDL_FALSE)                              \
  X(int, SDL_WaitEventTimeout, (SDL_Event * event, int ms), (event, ms), 0)

// Name, parameters, arguments; without a result.
#define PROCEDURES(X)                                                                                                    \
  X(SDL_CloseAudioDevice, (SDL_AudioDeviceID device), (device))                                                          \
  X(SDL_FreeAudioStream, (SDL_AudioStream * stream), (stream))                                                           \
  X(SDL_FreeWAV, (Uint8 * bytes), (bytes))                                                                               \
  X(SDL_GameControllerClose, (SDL_GameController * pad), (pad))                                                          \
  X(SDL_PauseAudioDevice, (SDL_AudioDeviceID device, int pauses), (device, pauses))                                      \
  X(SDL_QuitSubSystem, (Uint32 flags), (flags))                                                                          \
  X(SDL_SetMainReady, (void), ())                                                                                        \
  X(SDL_free, (void *memory), (memory))

typedef struct {
#define X(result, name, parameters, arguments, failure) result(*name) parameters;
  FUNCTIONS(X)
#undef X
#define X(name, parameters, arguments) void(*name) parameters;
  PROCEDURES(X)
#undef X
} functions_t;

static const cdynamic_symbol symbols[] = {
#define X(result, name, parameters, arguments, failure) {#name, offsetof(functions_t, name)},
    FUNCTIONS(X)
#undef X
#define X(name, parameters, arguments) {#name, offsetof(functions_t, name)},
    PROCEDURES(X)
#undef X
};

static functions_t library;
static pthread_once_t opened = PTHREAD_ONCE_INIT;
static int is_open;
static char reason[512];

// The library stays open: it starts threads.
static void open_library(void) {
  void *handle = cdynamic_open("libSDL2-2.0.so.0", reason, sizeof reason);
  if (!handle) {
    size_t used = strlen(reason);
    snprintf(reason + used, sizeof reason - used, "; install libsdl2-2.0-0");
    return;
  }
  is_open = cdynamic_resolve(
                handle, symbols, sizeof symbols / sizeof *symbols, &library, "SDL 2.24 or later is needed", reason,
                sizeof reason) == 0;
  if (!is_open) cdynamic_close(handle);
}

#define X(result, name, parameters, arguments, failure)                                                                  \
  result name parameters {                                                                                               \
    pthread_once(&opened, open_library);                                                                                 \
    return is_open ? library.name arguments : failure;                                                                   \
  }
FUNCTIONS(X)
#undef X

#define X(name, parameters, arguments)                                                                                   \
  void name parameters {                                                                                                 \
    pthread_once(&opened, open_library);                                                                                 \
    if (is_open) library.name arguments;                                                                                 \
  }
PROCEDURES(X)
#undef X
