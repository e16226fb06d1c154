/* A renderer in one file: poses and annotations of a running bridge in an SDL2 window.
 *
 *     cc -O2 -o renderer examples/renderer.c -Iinclude $(pkg-config --cflags --libs sdl2 SDL2_ttf) -lm
 *     ./renderer                              # the view of the tracked head
 *     ./renderer --seconds 5 --picture x.bmp  # without a display: SDL_VIDEODRIVER=offscreen
 *
 * include/ is the folder of vrbridge.h: Sources/CVRBridge/include here, /usr/include once it is installed. */
#include <math.h>

#include "vrbridge.h"
#include "vrbridge_annotations.h"
#include <SDL.h>
#include <SDL_ttf.h>

enum { MAX_SHOWN = 64, WIDTH = 960, HEIGHT = 600 };

typedef struct {
    SDL_Renderer *to;
    TTF_Font *font;
    vrb_pose eye;
    double focal;
} View;

/* Annotations to draw, by id. */
typedef struct {
    vrb_annotation list[MAX_SHOWN];
    int count;
} Shown;

static void remember(Shown *shown, const vrb_annotation *annotation) {
    int place = 0;
    while (place < shown->count && shown->list[place].id != annotation->id) place++;
    if (annotation->ended) {
        if (place < shown->count) shown->list[place] = shown->list[--shown->count];
    } else if (place < MAX_SHOWN) {
        shown->list[place] = *annotation;
        if (place == shown->count) shown->count++;
    }
}

static void forget_old(Shown *shown, int64_t now) {
    for (int i = shown->count - 1; i >= 0; i--)
        if ((double)(now - shown->list[i].captured_ns) * 1e-9 > (double)shown->list[i].time_to_live_s)
            shown->list[i] = shown->list[--shown->count];
}

/* Projects a point of the world into the window; returns 0 if it lies behind the viewer. */
static int project(const View *view, const double point[3], float *x, float *y) {
    double back[4] = {-view->eye.orientation[0], -view->eye.orientation[1], -view->eye.orientation[2],
                      view->eye.orientation[3]};
    double relative[3], seen[3];
    for (int i = 0; i < 3; i++) relative[i] = point[i] - view->eye.position[i];
    vrb_rotate(back, relative, seen);
    if (seen[2] > -0.05) return 0;
    *x = (float)(WIDTH / 2 + view->focal * seen[0] / -seen[2]);
    *y = (float)(HEIGHT / 2 - view->focal * seen[1] / -seen[2]);
    return 1;
}

static void line(const View *view, const double from[3], const double to[3]) {
    float a, b, c, d;
    if (project(view, from, &a, &b) && project(view, to, &c, &d)) SDL_RenderDrawLineF(view->to, a, b, c, d);
}

static void text(const View *view, float x, float y, const char *words, SDL_Color color, int is_boxed) {
    if (!*words) return;
    SDL_Surface *surface = TTF_RenderUTF8_Blended_Wrapped(view->font, words, color, 420);
    if (!surface) return;
    SDL_Texture *texture = SDL_CreateTextureFromSurface(view->to, surface);
    SDL_FRect place = {x, y, (float)surface->w, (float)surface->h};
    if (is_boxed) {
        SDL_FRect box = {x - 6, y - 3, place.w + 12, place.h + 6};
        SDL_SetRenderDrawColor(view->to, 0, 0, 0, 160);
        SDL_RenderFillRectF(view->to, &box);
    }
    SDL_RenderCopyF(view->to, texture, NULL, &place);
    SDL_DestroyTexture(texture);
    SDL_FreeSurface(surface);
}

/* A floor of one-metre squares and marks on the horizon, so that rotation is visible. */
static void draw_room(const View *view) {
    SDL_SetRenderDrawColor(view->to, 70, 84, 100, 255);
    for (int i = -6; i <= 6; i++)
        for (int k = -6; k < 6; k++) {
            double a[3] = {i, -1.5, k}, b[3] = {i, -1.5, k + 1}, c[3] = {k, -1.5, i}, d[3] = {k + 1, -1.5, i};
            line(view, a, b);
            line(view, c, d);
        }
    SDL_Color color = {120, 140, 160, 255};
    static const char *const names[] = {"-Z", "+X", "+Z", "-X"};
    static const double places[][3] = {{0, 0, -6}, {6, 0, 0}, {0, 0, 6}, {-6, 0, 0}};
    for (int i = 0; i < 4; i++) {
        float x, y;
        if (project(view, places[i], &x, &y)) text(view, x, y, names[i], color, 0);
    }
}

/* A hand's controller, or a tracker: its axes in red, green and blue. */
static void draw_device(const View *view, const vrb_pose *pose, const char *name) {
    static const double ends[][3] = {{0.06, 0, 0}, {0, 0.06, 0}, {0, 0, -0.14}};
    static const Uint8 colors[][3] = {{255, 90, 90}, {110, 230, 110}, {100, 150, 255}};
    for (int axis = 0; axis < 3; axis++) {
        double end[3];
        vrb_rotate(pose->orientation, ends[axis], end);
        for (int i = 0; i < 3; i++) end[i] += pose->position[i];
        SDL_SetRenderDrawColor(view->to, colors[axis][0], colors[axis][1], colors[axis][2], 255);
        line(view, pose->position, end);
    }
    float x, y;
    SDL_Color white = {230, 235, 240, 255};
    if (project(view, pose->position, &x, &y)) text(view, x + 8, y, name, white, 0);
}

static void draw_hand(const View *view, const vrb_annotation *hand) {
    /* The joints of XR_EXT_hand_tracking: wrist, then each finger from the palm outwards. */
    static const int fingers[][6] = {{1, 2, 3, 4, 5, -1}, {1, 6, 7, 8, 9, 10}, {1, 11, 12, 13, 14, 15},
                                     {1, 16, 17, 18, 19, 20}, {1, 21, 22, 23, 24, 25}};
    SDL_SetRenderDrawColor(view->to, 110, 230, 150, 255);
    for (int f = 0; f < 5; f++)
        for (int i = 0; i < 5 && fingers[f][i + 1] >= 0; i++)
            line(view, hand->joints[fingers[f][i]].position, hand->joints[fingers[f][i + 1]].position);
}

static void draw_annotations(const View *view, const Shown *shown) {
    static const SDL_Color colors[] = {{230, 230, 230, 255}, {110, 230, 150, 255}, {255, 190, 90, 255},
                                       {110, 190, 255, 255}, {255, 240, 120, 255}, {220, 160, 255, 255},
                                       {220, 160, 255, 255}, {220, 160, 255, 255}, {200, 200, 200, 255}};
    for (int i = 0; i < shown->count; i++) {
        const vrb_annotation *annotation = &shown->list[i];
        double place[3];
        float x, y;
        SDL_Color color = colors[annotation->kind <= VRB_KIND_LISTENING ? annotation->kind : 0];
        if (annotation->kind == VRB_KIND_LISTENING) {
            char words[VRB_LABEL_LENGTH + 16];
            snprintf(words, sizeof words, "listening: %s", annotation->label);
            text(view, 12, HEIGHT - 30, words, color, 0);
            continue;
        }
        if (annotation->joint_count == VRB_MAX_JOINTS && annotation->space == VRB_SPACE_WORLD)
            draw_hand(view, annotation);
        if (vrb_annotation_place(annotation, &view->eye, 1.5, place) || !project(view, place, &x, &y)) continue;
        SDL_SetRenderDrawColor(view->to, color.r, color.g, color.b, 255);
        SDL_FRect mark = {x - 3, y - 3, 6, 6};
        SDL_RenderFillRectF(view->to, &mark);
        text(view, x + 12, y - 10, annotation->label, color, 1);
    }
}

static int save_picture(SDL_Renderer *renderer, const char *file) {
    SDL_Surface *surface = SDL_CreateRGBSurfaceWithFormat(0, WIDTH, HEIGHT, 32, SDL_PIXELFORMAT_ARGB8888);
    if (!surface) return -1;
    int error = SDL_RenderReadPixels(renderer, NULL, surface->format->format, surface->pixels, surface->pitch);
    if (!error) error = SDL_SaveBMP(surface, file);
    SDL_FreeSurface(surface);
    return error;
}

static int fail(const char *what, const char *why) {
    fprintf(stderr, "renderer: %s: %s\n", what, why);
    return 1;
}

int main(int count, char **arguments) {
    const char *socket_path = NULL, *picture = NULL;
    const char *font_file = "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf";
    double seconds = 0;
    for (int i = 1; i < count; i++) {
        const char *value = i + 1 < count ? arguments[i + 1] : NULL;
        if (value && !strcmp(arguments[i], "--socket")) socket_path = value;
        else if (value && !strcmp(arguments[i], "--font")) font_file = value;
        else if (value && !strcmp(arguments[i], "--picture")) picture = value;
        else if (value && !strcmp(arguments[i], "--seconds")) seconds = atof(value);
        else return fail("usage", "renderer [--socket PATH] [--seconds N] [--picture FILE.bmp] [--font FILE.ttf]");
        i++;
    }
    if (SDL_Init(SDL_INIT_VIDEO) || TTF_Init()) return fail("SDL does not start", SDL_GetError());
    SDL_Window *window = SDL_CreateWindow("vrbridge", SDL_WINDOWPOS_CENTERED, SDL_WINDOWPOS_CENTERED, WIDTH, HEIGHT, 0);
    SDL_Renderer *renderer = window ? SDL_CreateRenderer(window, -1, 0) : NULL;
    if (!renderer) return fail("there is no window", SDL_GetError());
    TTF_Font *font = TTF_OpenFont(font_file, 16);
    if (!font) return fail("the font can't be opened, name one with --font", TTF_GetError());
    SDL_SetRenderDrawBlendMode(renderer, SDL_BLENDMODE_BLEND);

    vrb_client bridge;
    int error = vrb_connect(&bridge, socket_path);
    if (error) fprintf(stderr, "renderer: no bridge yet (%s); start one with 'vrbridge run --demo'\n", strerror(-error));
    vrb_stream stream;
    vrb_stream_open(&stream, &bridge);
    Shown *shown = (Shown *)calloc(1, sizeof *shown);
    if (!shown) return fail("there is no memory", "calloc");

    int64_t end = seconds > 0 ? vrb_now() + (int64_t)(seconds * 1e9) : INT64_MAX;
    int is_running = 1;
    while (is_running && vrb_now() < end) {
        SDL_Event event;
        while (SDL_PollEvent(&event))
            if (event.type == SDL_QUIT || (event.type == SDL_KEYDOWN && event.key.keysym.sym == SDLK_ESCAPE))
                is_running = 0;
        int is_connected = vrb_poll(&bridge);
        vrb_annotation annotation;
        while (vrb_stream_next(&stream, &annotation) == 1) remember(shown, &annotation);
        int64_t now = vrb_now();
        forget_old(shown, now);

        /* The display time is some 20 ms from now; poses of that time. */
        int64_t display = now + 20000000;
        View view = {renderer, font, {0}, WIDTH / 2 / tan(45 * M_PI / 180)};
        view.eye.orientation[3] = 1;
        int head = vrb_find_role(&bridge, VRB_ROLE_HEAD);
        int has_head = head >= 0 && vrb_at(&bridge, head, display, &view.eye) == 0;
        SDL_SetRenderDrawColor(renderer, 16, 22, 30, 255);
        SDL_RenderClear(renderer);
        draw_room(&view);
        for (int slot = vrb_next_slot(&bridge, -1); slot >= 0; slot = vrb_next_slot(&bridge, slot)) {
            vrb_pose pose;
            if (slot != head && vrb_at(&bridge, slot, display, &pose) == 0)
                draw_device(&view, &pose, vrb_slot_at(&bridge, slot)->name);
        }
        draw_annotations(&view, shown);
        SDL_Color white = {230, 235, 240, 255};
        char status[160];
        snprintf(status, sizeof status, "%s%s", is_connected ? "" : "no bridge; waiting for one",
                 is_connected && !has_head ? "no head is tracked" : "");
        text(&view, 12, 10, *status ? status : vrb_slot_at(&bridge, head)->name, white, 0);
        SDL_RenderPresent(renderer);
        SDL_Delay(8);
    }
    if (picture && save_picture(renderer, picture)) return fail("the picture can't be written", SDL_GetError());
    printf("%d annotations at the end\n", shown->count);
    free(shown);
    vrb_stream_close(&stream);
    vrb_disconnect(&bridge);
    TTF_CloseFont(font);
    TTF_Quit();
    SDL_Quit();
    return 0;
}
