/* SPDX-License-Identifier: Apache-2.0 */
/* sluice top: shows /metrics as rates between two readings. It is live on a terminal; otherwise it shows one reading
 * since the daemon's start. */
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "top_show.h"

#define INTERVAL_MSEC 1000
/* The wait before the first rates. */
#define FIRST_MSEC 200

static double clock_sec(clockid_t id)
{
    struct timespec now;
    clock_gettime(id, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int get(sluice_client *client, const char *path, sluice_result **result, sluice_error **err)
{
    sluice_request *request = NULL;
    int r = sluice_request_http(client, "GET", path, NULL, 0, &request, err);
    r = r ? r : sluice_perform(client, request, result, err);
    sluice_request_free(request);
    return r;
}

static void look_done(struct look *l)
{
    page_done(&l->page);
    rests_done(&l->rests);
}

/* Takes a reading; returns a SLUICE_E… code. Frees the earlier content of `l`. */
static int look_take(sluice_client *client, struct look *l, sluice_error **err)
{
    sluice_result *result = NULL;
    int r = get(client, "/metrics", &result, err);
    if (r < 0) {
        return r;
    }
    look_done(l);
    *l = (struct look){ .at = clock_sec(CLOCK_MONOTONIC), .at_wall = clock_sec(CLOCK_REALTIME) };
    page_read(&l->page, sluice_result_json(result, NULL));
    sluice_result_free(result);
    sluice_error *not_ready = NULL;
    if (get(client, "/ready", NULL, &not_ready) < 0) {
        l->is_draining = strcmp(sluice_error_type(not_ready), "sluice_store_unavailable") != 0 &&
                         sluice_error_http_status(not_ready) == 503;
    }
    sluice_error_free(not_ready);
    return rests_take(client, &l->rests);
}

/* --- live view --- */

#define FILTER_MAX 64

/* What keys have changed. */
struct live {
    const struct cli_args *args;
    enum top_sort sort;
    char filter[FILTER_MAX];
    bool is_typing; /* of the filter */
    bool is_over;
};

/* The last character of the filter, which may have several bytes. */
static void filter_shorten(char *filter)
{
    size_t n = strlen(filter);
    while (n && ((unsigned char)filter[n - 1] & 0xc0) == 0x80) {
        n--;
    }
    filter[n ? n - 1 : 0] = '\0';
}

static void key_take(struct live *live, char key)
{
    size_t n = strlen(live->filter);
    if (live->is_typing) {
        if (key == '\r' || key == '\n' || key == '\x1b') {
            live->is_typing = false;
            live->filter[key == '\x1b' ? 0 : n] = '\0';
        } else if (key == 0x7f || key == '\b') {
            filter_shorten(live->filter);
        } else if ((unsigned char)key >= ' ' && n + 1 < FILTER_MAX) {
            live->filter[n] = key;
            live->filter[n + 1] = '\0';
        }
    } else if (key == 'q') {
        live->is_over = true;
    } else if (key == 's') {
        live->sort = (live->sort + 1) % TOP_SORTS;
    } else if (key == '/') {
        live->is_typing = true;
        live->filter[0] = '\0';
    } else if (key == '\x1b') {
        live->filter[0] = '\0';
    }
}

/* Waits for the interval or a key; Ctrl-C and the end of the input end the view. True: keys came. */
static bool keys_wait(struct live *live, int64_t msec)
{
    struct pollfd fd = { STDIN_FILENO, POLLIN, 0 };
    char keys[64];
    int r = poll(&fd, 1, (int)msec);
    ssize_t n = r > 0 ? read(STDIN_FILENO, keys, sizeof(keys)) : 0;
    live->is_over = r < 0 || (r > 0 && n <= 0);
    /* The sequence of an arrow or a function key is no Escape. */
    for (ssize_t i = 0; i < n && !(n > 1 && keys[0] == '\x1b'); i++) {
        key_take(live, keys[i]);
    }
    return n > 0;
}

static void view_size(const struct cli_args *args, struct view *view)
{
    struct winsize size;
    bool is_known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col >= 20 && size.ws_row >= 5;
    view->columns = is_known ? size.ws_col : 80;
    /* Without the title, the line behind it, and the line on which the cursor is at the end. */
    view->lines = args->is_all ? 0 : is_known ? size.ws_row - 3 : 21;
}

#define TITLE_WIDE 68

static void title_show(const struct live *live, const struct view *view, int64_t interval_msec)
{
    char title[256], filter[FILTER_MAX + 16] = "";
    if (live->filter[0] || live->is_typing) {
        snprintf(filter, sizeof(filter), ", only /%s%s", live->filter, live->is_typing ? "_" : "");
    }
    if (view->columns >= TITLE_WIDE) {
        snprintf(title, sizeof(title), "sluice top   every %.1f s, by %s%s   s sorts, / filters, q ends",
                 (double)interval_msec / 1000, top_sort_words[live->sort], filter);
    } else {
        snprintf(title, sizeof(title), "sluice top by %s%s  s / q", top_sort_words[live->sort], filter);
    }
    top_line(stdout, title, view->columns);
}

static void screen_show(const struct live *live, const struct look *now, const struct look *before)
{
    const struct cli_args *args = live->args;
    /* Counters that started again belong to another process. */
    bool is_other = before->page.started != now->page.started;
    struct view view = { .has_color = cli_has_color(args),
                         .sort = live->sort,
                         .filter = live->filter[0] ? live->filter : NULL };
    view.seconds = is_other ? now->at_wall - now->page.started : now->at - before->at;
    view.seconds = view.seconds > 0.001 ? view.seconds : 1;
    view_size(args, &view);
    fputs("\x1b[H\x1b[2J", stdout);
    title_show(live, &view, args->interval_msec ? args->interval_msec : INTERVAL_MSEC);
    putchar('\n');
    top_show(stdout, now, is_other ? NULL : before, &view);
    fflush(stdout);
}

/* The server does not answer now: the title says so, and the last known values stay. */
static void waiting_show(const struct cli_args *args, const sluice_error *err)
{
    fputs("\x1b[H\x1b[2K", stdout);
    int status = sluice_error_http_status(err);
    char why[48] = "no answer", title[512];
    if (status) {
        snprintf(why, sizeof(why), "it says %d", status);
    }
    struct view view = { .columns = 0 };
    view_size(args, &view);
    snprintf(title, sizeof(title), "waiting for the server at %s (%s), q ends", cli_server(args), why);
    top_line(stdout, title, view.columns);
    fflush(stdout);
}

/* True: the server may be back soon. */
static bool is_passing(const sluice_error *err)
{
    int code = sluice_error_code(err);
    return code == SLUICE_ECONNECT || code == SLUICE_ETIMEOUT || code == SLUICE_ESERVER || code == SLUICE_EPROTOCOL;
}

/* Shows the last two readings until the next one is due; false: the view is over. */
static bool interval_pass(struct live *live, struct look looks[2], int n)
{
    int64_t interval = live->args->interval_msec ? live->args->interval_msec : INTERVAL_MSEC;
    double end = clock_sec(CLOCK_MONOTONIC) + (double)(n ? interval : FIRST_MSEC) / 1000;
    for (double left; !live->is_over && (left = end - clock_sec(CLOCK_MONOTONIC)) > 0;) {
        if (keys_wait(live, (int64_t)(left * 1000) + 1) && n && !live->is_over) {
            screen_show(live, &looks[n & 1], &looks[(n + 1) & 1]);
        }
    }
    return !live->is_over;
}

static int view_run(struct live *live, sluice_client *client, struct look looks[2])
{
    for (int n = 0;;) {
        sluice_error *err = NULL;
        cli_interruptible(client);
        if (!interval_pass(live, looks, n)) {
            return CLI_DONE; /* ending the view is a success */
        }
        int r = look_take(client, &looks[(n + 1) & 1], &err);
        if (r == SLUICE_OK) {
            screen_show(live, &looks[(n + 1) & 1], &looks[n & 1]);
            n++;
        } else if (r == SLUICE_ECANCELLED) {
            sluice_error_free(err);
            return CLI_DONE;
        } else if (is_passing(err)) {
            waiting_show(live->args, err);
            sluice_error_free(err);
        } else {
            return cli_report(live->args, client, NULL, err);
        }
    }
}

static enum top_sort sort_of(const struct cli_args *args)
{
    int sort = 0;
    while (args->sort && sort < TOP_SORTS && strcmp(args->sort, top_sort_words[sort]) != 0) {
        sort++;
    }
    return sort < TOP_SORTS ? (enum top_sort)sort : TOP_TRAFFIC;
}

static int top_live(const struct cli_args *args, sluice_client *client, struct look looks[2])
{
    struct termios old, raw;
    bool has_keys = tcgetattr(STDIN_FILENO, &old) == 0;
    if (has_keys) {
        raw = old;
        raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
        tcsetattr(STDIN_FILENO, TCSANOW, &raw);
    }
    struct live live = { .args = args, .sort = sort_of(args) };
    snprintf(live.filter, sizeof(live.filter), "%s", args->filter ? args->filter : "");
    int r = view_run(&live, client, looks);
    if (has_keys) {
        tcsetattr(STDIN_FILENO, TCSANOW, &old);
    }
    return r;
}

static void once_show(const struct cli_args *args, const struct look *now)
{
    bool is_tty = isatty(STDOUT_FILENO);
    struct view view = {
        .has_color = cli_has_color(args), .is_plain = !is_tty, .sort = sort_of(args), .filter = args->filter
    };
    if (is_tty) {
        view_size(args, &view);
        view.lines = 0;
    }
    view.seconds = now->at_wall - now->page.started > 1 ? now->at_wall - now->page.started : 1;
    top_show(stdout, now, NULL, &view);
}

static int json_show(const struct look *now)
{
    char *json = NULL;
    size_t len;
    FILE *out = open_memstream(&json, &len);
    if (out) {
        top_json(out, now);
    }
    bool is_whole = out && fclose(out) == 0;
    if (is_whole) {
        cli_put_json(json, len);
    }
    free(json);
    return is_whole ? CLI_DONE : cli_fail(CLI_LOCAL, "out of memory");
}

int cli_top(const struct cli_args *args)
{
    struct cli_args own = *args;
    struct look looks[2] = { 0 };
    sluice_client *client = NULL;
    sluice_error *err = NULL;
    bool is_live = isatty(STDOUT_FILENO) && isatty(STDIN_FILENO) && !args->is_json;
    own.retries = is_live ? 1 : 0; /* a reading that fails is not repeated, because the next one comes */
    int r = cli_open(&own, &client);
    if (r == 0 && look_take(client, &looks[0], &err) < 0) {
        r = cli_report(args, client, NULL, err);
    } else if (r == 0 && looks[0].page.config_version <= 0 && looks[0].page.started <= 0) { /* a gateway has both */
        r = cli_no_gateway(args);
    } else if (r == 0 && is_live) {
        r = top_live(args, client, looks);
    } else if (r == 0 && args->is_json) {
        r = json_show(&looks[0]);
    } else if (r == 0) {
        once_show(args, &looks[0]);
    }
    look_done(&looks[0]);
    look_done(&looks[1]);
    sluice_close(client);
    return r;
}
