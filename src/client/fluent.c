/* SPDX-License-Identifier: Apache-2.0 */
/* The calls without a handle. Only this file has state that the process shares. */
#include "sluice/fluent.h"

#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "client/priv.h"
#include "json/write.h"

/* The most idle clients: one for each thread that calls often; a burst beyond it opens and closes its own. */
#define POOL_MAX 8
#define URI_MAX  2048

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards: */
static char uri_set[URI_MAX];                            /* "": none */
static struct sluice_client *pool[POOL_MAX];             /* idle clients, the latest last */
static size_t n_pool;

static const struct sl_alloc libc = { NULL, NULL };

static void lock_take(void)
{
    pthread_mutex_lock(&lock);
}

static void lock_give(void)
{
    pthread_mutex_unlock(&lock);
}

static void fork_prepare(void)
{
    SL_IGNORE(pthread_atfork(lock_take, lock_give, lock_give)); /* out of memory: as if there were none */
}

/* Take this lock for everything below. A fork waits for it, so that in the child no missing thread holds it. */
static void state_take(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, fork_prepare);
    lock_take();
}

int sluice_gateway_set_uri(const char *uri, sluice_error **err)
{
    struct sl_str text = sl_str_c(uri ? uri : "");
    if (uri && !slc_uri_is_valid(text)) {
        return slc_fail(&libc, err, SLUICE_EUSAGE,
                        "The gateway uri provided is missing required elements. It must be http://host or "
                        "https://host");
    }
    if (text.n >= URI_MAX) {
        return slc_fail(&libc, err, SLUICE_EUSAGE, "the gateway uri is longer than %d bytes", URI_MAX - 1);
    }
    state_take();
    memcpy(uri_set, text.p, text.n);
    uri_set[text.n] = '\0';
    lock_give();
    return 0;
}

/* The environment's options, with the URI that was set in place of theirs. */
static int opts_make(sluice_opts **ret, sluice_error **err)
{
    sluice_opts *opts = sluice_opts_new();
    if (!opts) {
        return slc_fail(&libc, err, SLUICE_ENOMEM, "out of memory");
    }
    char uri[URI_MAX];
    state_take();
    memcpy(uri, uri_set, sizeof(uri));
    lock_give();
    int r = sluice_opts_from_env(opts, err);
    if (r == 0 && uri[0]) {
        r = sluice_opts_set_str(opts, "url", uri, err);
    }
    if (r < 0) {
        sluice_opts_free(opts);
        return r;
    }
    *ret = opts;
    return 0;
}

int sluice_gateway_get_uri(char *uri, size_t size, sluice_error **err)
{
    sluice_opts *opts;
    int r = slc_need(uri, "uri", err);
    r = r ? r : opts_make(&opts, err);
    if (r < 0) {
        return r;
    }
    if (!opts->url) {
        r = slc_fail(&libc, err, SLUICE_EUSAGE,
                     "No Gateway server uri has been set. Call sluice_gateway_set_uri, or set MLFLOW_GATEWAY_URI");
    } else if (strlen(opts->url) >= size) {
        r = slc_fail(&libc, err, SLUICE_EUSAGE, "the uri needs %zu bytes", strlen(opts->url) + 1);
    } else {
        memcpy(uri, opts->url, strlen(opts->url) + 1);
    }
    sluice_opts_free(opts);
    return r;
}

/* --- the pool --- */

static struct sluice_client *pool_remove(size_t at)
{
    struct sluice_client *client = pool[at];
    n_pool--;
    memmove(pool + at, pool + at + 1, (n_pool - at) * sizeof(pool[0]));
    return client;
}

/* After a fork: the connections are the parent's, and must not be closed here. */
static void pool_forget_parents(void)
{
    if (n_pool && pool[0]->pid != getpid()) {
        n_pool = 0;
    }
}

static int client_take(struct sluice_client **ret, sluice_error **err)
{
    sluice_opts *opts;
    int r = opts_make(&opts, err);
    if (r < 0) {
        return r;
    }
    struct sluice_client *found = NULL;
    state_take();
    pool_forget_parents();
    for (size_t i = n_pool; i-- && !found;) {
        if (slc_opts_equal(pool[i]->opts, opts)) {
            found = pool_remove(i);
        }
    }
    lock_give();
    if (found) {
        *ret = found;
    } else {
        r = sluice_open(opts, ret, err);
    }
    sluice_opts_free(opts);
    return r;
}

/* Puts a client into the pool; when there is no room, it replaces the oldest. */
static void client_put(struct sluice_client *client)
{
    state_take();
    pool_forget_parents();
    struct sluice_client *out = n_pool == POOL_MAX ? pool_remove(0) : NULL;
    pool[n_pool++] = client;
    lock_give();
    sluice_close(out);
}

/* --- the calls --- */

int sluice_gateway_get_route(const char *name, sluice_result **result, sluice_error **err)
{
    struct sluice_client *client;
    int r = client_take(&client, err);
    if (r == 0) {
        r = sluice_get_route(client, name, result, err);
        client_put(client);
    }
    return r;
}

static int route_add(void *arg, const sluice_route *route)
{
    struct sl_jw *w = arg;
    size_t len;
    const char *json = sluice_route_json(route, &len);
    sl_jw_raw(w, sl_str_make(json, len));
    return sl_buf_status(w->out);
}

static int list_make(struct sluice_client *client, struct sl_buf *body, sluice_result **ret, sluice_error **err)
{
    struct sluice_result *result = sl_buf_status(body) ? NULL : slc_result_new(&client->alloc);
    if (!result) {
        sl_buf_done(body);
        return slc_fail(&client->alloc, err, SLUICE_ENOMEM, "out of memory");
    }
    result->status = 200;
    result->body = *body;
    struct sl_err why = { 0 };
    int r = slc_result_read(result, SLC_ROUTES, client->base, &why);
    if (r < 0) {
        sluice_result_free(result);
        return slc_fail(&client->alloc, err, r == SL_E_NOMEM ? SLUICE_ENOMEM : SLUICE_EPROTOCOL, "%s", why.text);
    }
    *ret = result;
    return 0;
}

int sluice_gateway_search_routes(sluice_result **result, sluice_error **err)
{
    struct sluice_client *client;
    int r = client_take(&client, err);
    if (r < 0) {
        return r;
    }
    struct sl_buf body = SL_BUF_INIT(SIZE_MAX / 2);
    struct sl_jw w;
    sl_jw_init(&w, &body);
    sl_jw_object(&w);
    sl_jw_key(&w, "routes");
    sl_jw_array(&w);
    r = sluice_routes_each(client, route_add, &w, err);
    sl_jw_end(&w);
    sl_jw_member_null(&w, "next_page_token");
    sl_jw_end(&w);
    if (r == 0 && result) {
        r = list_make(client, &body, result, err);
    } else {
        sl_buf_done(&body);
    }
    client_put(client);
    return r;
}

int sluice_gateway_create_route(const char *name, const char *route_type, const char *model, size_t model_len,
                                sluice_result **result, sluice_error **err)
{
    struct sluice_client *client;
    int r = client_take(&client, err);
    if (r == 0) {
        r = sluice_create_route(client, name, route_type, model, model_len, result, err);
        client_put(client);
    }
    return r;
}

int sluice_gateway_delete_route(const char *name, sluice_error **err)
{
    struct sluice_client *client;
    int r = client_take(&client, err);
    if (r == 0) {
        r = sluice_delete_route(client, name, err);
        client_put(client);
    }
    return r;
}

int sluice_gateway_set_limits(const char *route, const char *limits, size_t limits_len, sluice_result **result,
                              sluice_error **err)
{
    struct sluice_client *client;
    int r = client_take(&client, err);
    if (r == 0) {
        r = sluice_set_limits(client, route, limits, limits_len, result, err);
        client_put(client);
    }
    return r;
}

int sluice_gateway_get_limits(const char *route, sluice_result **result, sluice_error **err)
{
    struct sluice_client *client;
    int r = client_take(&client, err);
    if (r == 0) {
        r = sluice_get_limits(client, route, result, err);
        client_put(client);
    }
    return r;
}

int sluice_gateway_query(const char *route, const char *data, size_t len, sluice_result **result, sluice_error **err)
{
    struct sluice_client *client;
    int r = client_take(&client, err);
    if (r == 0) {
        r = sluice_query(client, route, data, len, result, err);
        client_put(client);
    }
    return r;
}
