/* SPDX-License-Identifier: Apache-2.0 */
/* sluice status: what /metrics says, as rates between two looks. Live on a terminal; without one, one look at all since
 * the daemon's start. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "cli.h"

#define KEYS_MAX    32 /* routes or error types shown */
#define BUCKETS_MAX 64
#define KEY_MAX     64
#define NEAR_CAP    0.8 /* of a limit: worth a look */

struct counted {
    char key[KEY_MAX];
    double n, refused; /* refused: of limited routes */
};

/* Of a limited route: the share of its limit that is used up. */
struct fill {
    char route[KEY_MAX];
    double used;
};

struct histogram {
    double le[BUCKETS_MAX], n[BUCKETS_MAX]; /* cumulative, as on the page */
    int n_buckets;
};

/* One look. */
struct look {
    double at; /* seconds, monotonic */
    double requests, in_flight, started, memory;
    struct counted errors[KEYS_MAX], routes[KEYS_MAX], limits[KEYS_MAX];
    int n_errors, n_routes, n_limits;
    struct fill fills[KEYS_MAX]; /* the fullest ones, fullest first */
    int n_fills;
    struct histogram total, first;
};

/* --- reading the page --- */

/* The value of a label in `{…}`; false when it is not there. */
static bool label_get(const char *labels, const char *name, char *out, size_t size)
{
    size_t len = strlen(name), n = 0;
    for (const char *p = strstr(labels, name); p; p = strstr(p + 1, name)) {
        if ((p[-1] == '{' || p[-1] == ',') && strncmp(p + len, "=\"", 2) == 0) {
            for (p += len + 2; *p && *p != '"'; p++) {
                p += *p == '\\' && p[1];
                if (n + 1 < size) {
                    out[n++] = *p;
                }
            }
            out[n] = '\0';
            return true;
        }
    }
    return false;
}

static struct counted *counted_of(struct counted *table, int *io_n, const char *key)
{
    for (int i = 0; i < *io_n; i++) {
        if (strcmp(table[i].key, key) == 0) {
            return &table[i];
        }
    }
    if (*io_n == KEYS_MAX) {
        return &table[KEYS_MAX - 1]; /* the last one stands for the rest */
    }
    struct counted *c = &table[(*io_n)++];
    memset(c, 0, sizeof(*c));
    snprintf(c->key, sizeof(c->key), "%s", *io_n == KEYS_MAX ? "(others)" : cli_safe(key));
    return c;
}

static void fill_add(struct look *l, const char *route, double used)
{
    int at = l->n_fills;
    while (at > 0 && l->fills[at - 1].used < used) {
        at--;
    }
    if (at == KEYS_MAX) {
        return;
    }
    l->n_fills += l->n_fills < KEYS_MAX;
    memmove(&l->fills[at + 1], &l->fills[at], (size_t)(l->n_fills - 1 - at) * sizeof(l->fills[0]));
    snprintf(l->fills[at].route, sizeof(l->fills[at].route), "%s", cli_safe(route));
    l->fills[at].used = used;
}

static void bucket_add(struct histogram *h, const char *labels, double value)
{
    char text[32];
    if (!label_get(labels, "le", text, sizeof(text))) {
        return;
    }
    double le = strtod(text, NULL); /* "+Inf" too */
    for (int i = 0; i < h->n_buckets; i++) {
        if (h->le[i] == le) {
            h->n[i] += value;
            return;
        }
    }
    if (h->n_buckets < BUCKETS_MAX) {
        h->le[h->n_buckets] = le;
        h->n[h->n_buckets++] = value;
    }
}

static void series_read(struct look *l, const char *name, const char *labels, double value)
{
    char key[KEY_MAX], word[KEY_MAX] = "";
    if (strcmp(name, "sluice_requests_total") == 0) {
        l->requests += value;
        if (label_get(labels, "error_type", key, sizeof(key)) && *key) {
            counted_of(l->errors, &l->n_errors, key)->n += value;
        }
        if (label_get(labels, "route", key, sizeof(key)) && strcmp(key, "none") != 0) {
            counted_of(l->routes, &l->n_routes, key)->n += value;
        }
    } else if (strcmp(name, "sluice_limit_decisions_total") == 0 && label_get(labels, "route", key, sizeof(key))) {
        struct counted *c = counted_of(l->limits, &l->n_limits, key);
        label_get(labels, "decision", word, sizeof(word));
        c->n += value;
        c->refused += strcmp(word, "refused") == 0 ? value : 0;
    } else if (strcmp(name, "sluice_limit_used_ratio") == 0 && label_get(labels, "route", key, sizeof(key))) {
        fill_add(l, key, value);
    } else if (strcmp(name, "gen_ai_server_request_duration_seconds_bucket") == 0) {
        bucket_add(&l->total, labels, value);
    } else if (strcmp(name, "gen_ai_server_time_to_first_token_seconds_bucket") == 0) {
        bucket_add(&l->first, labels, value);
    } else if (strcmp(name, "sluice_requests_in_flight") == 0) {
        l->in_flight = value;
    } else if (strcmp(name, "process_start_time_seconds") == 0) {
        l->started = value;
    } else if (strcmp(name, "process_resident_memory_bytes") == 0) {
        l->memory = value;
    }
}

static void page_read(struct look *l, const char *text)
{
    while (*text) {
        size_t len = strcspn(text, "\n");
        char line[1024], empty[] = "";
        if (text[0] != '#' && len < sizeof(line)) {
            memcpy(line, text, len);
            line[len] = '\0';
            char *space = strrchr(line, ' ');
            char *brace = strchr(line, '{');
            if (space) {
                double value = strtod(space + 1, NULL);
                *space = '\0';
                char labels[1024];
                snprintf(labels, sizeof(labels), "%s", brace ? brace : empty);
                if (brace) {
                    *brace = '\0';
                }
                series_read(l, line, labels, value);
            }
        }
        text += len + (text[len] == '\n');
    }
}

static int look_take(const struct cli_args *args, sluice_client *client, struct look *l)
{
    sluice_result *result = NULL;
    int r = cli_call(args, client, "GET", "/metrics", NULL, &result);
    if (r) {
        return r;
    }
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    memset(l, 0, sizeof(*l));
    l->at = (double)now.tv_sec + (double)now.tv_nsec / 1e9;
    page_read(l, sluice_result_json(result, NULL));
    sluice_result_free(result);
    return CLI_DONE;
}

/* --- what lies between two looks --- */

static double before_of(const struct counted *table, int n, const char *key)
{
    for (int i = 0; i < n; i++) {
        if (strcmp(table[i].key, key) == 0) {
            return table[i].n;
        }
    }
    return 0;
}

static double bucket_before(const struct histogram *h, double le)
{
    for (int i = 0; i < h->n_buckets; i++) {
        if (h->le[i] == le) {
            return h->n[i];
        }
    }
    return 0;
}

/* Seconds below which the share `q` of what happened in between lies: linear inside a bucket. -1: nothing happened. */
static double quantile(const struct histogram *now, const struct histogram *before, double q)
{
    double total = 0, low = 0, below = 0;
    for (int i = 0; i < now->n_buckets; i++) {
        double n = now->n[i] - bucket_before(before, now->le[i]);
        total = n > total ? n : total;
    }
    for (int i = 0; i < now->n_buckets && total > 0; i++) {
        double n = now->n[i] - bucket_before(before, now->le[i]);
        if (n >= q * total) {
            bool is_last = now->le[i] > 1e300;
            return is_last || n == below ? low : low + (now->le[i] - low) * (q * total - below) / (n - below);
        }
        low = now->le[i];
        below = n;
    }
    return -1;
}

static const char *seconds_text(double s, char out[16])
{
    if (s < 0) {
        strcpy(out, "-");
    } else {
        snprintf(out, 16, s < 1 ? "%.0f ms" : "%.2f s", s < 1 ? s * 1000 : s);
    }
    return out;
}

/* Bold where one should look; a share below one whole is never written as the whole. */
static void fills_print(const struct look *l, bool has_color)
{
    for (int i = 0; i < l->n_fills; i++) {
        bool is_near = l->fills[i].used >= NEAR_CAP;
        int percent = (int)(l->fills[i].used * 100);
        printf("%slimit      %-24s %d%% used%s%s\n", is_near && has_color ? "\x1b[1m" : "", l->fills[i].route, percent,
               is_near ? percent >= 100 ? "  at its cap" : "  near its cap" : "",
               is_near && has_color ? "\x1b[0m" : "");
    }
}

static void status_print(const struct look *now, const struct look *before, double seconds, bool has_color)
{
    char a[16], b[16], c[16], d[16];
    printf("requests   %.1f/s  (%.0f since the start)\n", (now->requests - before->requests) / seconds, now->requests);
    printf("in flight  %.0f\n", now->in_flight > 0 ? now->in_flight - 1 : 0); /* without this look itself */
    printf("total      p50 %s  p95 %s\n", seconds_text(quantile(&now->total, &before->total, 0.5), a),
           seconds_text(quantile(&now->total, &before->total, 0.95), b));
    printf("first byte p50 %s  p95 %s\n", seconds_text(quantile(&now->first, &before->first, 0.5), c),
           seconds_text(quantile(&now->first, &before->first, 0.95), d));
    printf("memory     %.1f MiB\n", now->memory / 1048576);
    for (int i = 0; i < now->n_routes; i++) {
        double n = now->routes[i].n - before_of(before->routes, before->n_routes, now->routes[i].key);
        printf("route      %-24s %.1f/s  (%.0f)\n", now->routes[i].key, n / seconds, now->routes[i].n);
    }
    for (int i = 0; i < now->n_errors; i++) {
        double n = now->errors[i].n - before_of(before->errors, before->n_errors, now->errors[i].key);
        printf("error      %-24s %.1f/s  (%.0f)\n", now->errors[i].key, n / seconds, now->errors[i].n);
    }
    fills_print(now, has_color);
    for (int i = 0; i < now->n_limits; i++) {
        const struct counted *l = &now->limits[i];
        if (l->refused > 0) {
            printf("refused    %-24s %.0f of %.0f\n", l->key, l->refused, l->n);
        }
    }
}

/* A quantile, or null when nothing happened. */
static void seconds_json(const char *name, const struct histogram *h, double q)
{
    static const struct histogram nothing;
    double s = quantile(h, &nothing, q);
    printf(s < 0 ? ",\"%s\":null" : ",\"%s\":%.6g", name, s);
}

static void status_json(const struct look *now)
{
    printf("{\"requests\":%.0f,\"in_flight\":%.0f", now->requests, now->in_flight > 0 ? now->in_flight - 1 : 0);
    seconds_json("total_p50_seconds", &now->total, 0.5);
    seconds_json("total_p95_seconds", &now->total, 0.95);
    seconds_json("first_p50_seconds", &now->first, 0.5);
    seconds_json("first_p95_seconds", &now->first, 0.95);
    fputs(",\"errors\":{", stdout);
    for (int i = 0; i < now->n_errors; i++) {
        fputs(i ? "," : "", stdout);
        cli_json_string(stdout, now->errors[i].key);
        printf(":%.0f", now->errors[i].n);
    }
    fputs("},\"limits\":{", stdout);
    for (int i = 0; i < now->n_fills; i++) {
        fputs(i ? "," : "", stdout);
        cli_json_string(stdout, now->fills[i].route);
        printf(":%.6g", now->fills[i].used);
    }
    puts("}}");
}

/* --- live --- */

/* Waits for the interval; true when a key or Ctrl-C ends the view. */
static bool wait_key(int64_t msec)
{
    struct pollfd fd = { STDIN_FILENO, POLLIN, 0 };
    int r = poll(&fd, 1, (int)msec);
    char key;
    return r < 0 || (r > 0 && (read(STDIN_FILENO, &key, 1) != 1 || key == 'q'));
}

static int status_live(const struct cli_args *args, sluice_client *client)
{
    struct look looks[2];
    struct termios old, raw;
    int n = 0, r = look_take(args, client, &looks[0]);
    if (r) {
        return r;
    }
    bool has_keys = tcgetattr(STDIN_FILENO, &old) == 0;
    if (has_keys) {
        raw = old;
        raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
        tcsetattr(STDIN_FILENO, TCSANOW, &raw);
    }
    int64_t interval = args->interval_msec ? args->interval_msec : 1000;
    for (;;) {
        struct look *now = &looks[(n + 1) & 1], *before = &looks[n & 1];
        cli_interruptible(client);
        r = wait_key(n ? interval : 200) ? CLI_INTERRUPTED : look_take(args, client, now);
        if (r) {
            break;
        }
        double seconds = now->at - before->at;
        fputs("\x1b[H\x1b[2J", stdout);
        printf("sluice status   every %.1f s, q ends\n\n", (double)interval / 1000);
        status_print(now, before, seconds > 0 ? seconds : 1, cli_has_color(args));
        fflush(stdout);
        n++;
    }
    if (has_keys) {
        tcsetattr(STDIN_FILENO, TCSANOW, &old);
    }
    return r == CLI_INTERRUPTED ? CLI_DONE : r; /* leaving a view is how it ends */
}

int cli_status(const struct cli_args *args)
{
    sluice_client *client = NULL;
    int r = cli_open(args, &client);
    if (r == 0 && isatty(STDOUT_FILENO) && isatty(STDIN_FILENO) && !args->is_json) {
        r = status_live(args, client);
    } else if (r == 0) {
        static const struct look nothing;
        struct look now;
        r = look_take(args, client, &now);
        if (r == 0 && args->is_json) {
            status_json(&now);
        } else if (r == 0) {
            double seconds = difftime(time(NULL), (time_t)now.started);
            status_print(&now, &nothing, seconds > 1 ? seconds : 1, cli_has_color(args));
        }
    }
    sluice_close(client);
    return r;
}
