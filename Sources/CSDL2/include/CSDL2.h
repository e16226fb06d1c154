/// SDL 2's declarations; its library is opened with the first call, because it loads some forty others: most bridges use
/// neither its microphones nor its game controllers.
///
/// Without the library each function reports a failure, and SDL_GetError the reason.
#ifndef VRBRIDGE_CSDL2_H
#define VRBRIDGE_CSDL2_H

#define SDL_MAIN_HANDLED
// The functions are those of sdl2_loader.c; hidden, so that no library mistakes them for SDL's.
#define DECLSPEC __attribute__((visibility("hidden")))
#include <SDL2/SDL.h>

#endif
