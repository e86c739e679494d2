/* SPDX-License-Identifier: Apache-2.0 */
/* MLflow's environment for its tracking credentials, in MLflow's order: a user name and password (from the environment,
 * or section [mlflow] of ~/.mlflow/credentials), else a token. */
#include "client/priv.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* A file of two short lines. */
#define FILE_MAX (16u << 10)

static struct sl_str env_str(const char *name)
{
    const char *value = getenv(name);
    return sl_str_c(value ? value : "");
}

/* Reads the file; a missing file counts as empty. */
static size_t file_read(char *buf, size_t cap)
{
    char path[1024];
    struct sl_str home = env_str("HOME");
    static const char tail[] = "/.mlflow/credentials";
    if (home.n == 0 || home.n + sizeof(tail) > sizeof(path)) {
        return 0;
    }
    memcpy(path, home.p, home.n);
    memcpy(path + home.n, tail, sizeof(tail));
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return 0;
    }
    size_t n = 0;
    ssize_t got;
    while (n < cap && (got = read(fd, buf + n, cap - n)) > 0) {
        n += (size_t)got;
    }
    close(fd);
    return n;
}

/* Reads `key = value` or `key: value` in section [mlflow], with keys in any case; slices of `text`. */
static void credentials_parse(struct sl_str text, struct sl_str *io_user, struct sl_str *io_password)
{
    bool is_ours = false;
    struct sl_str line;
    while (sl_str_next(&text, '\n', &line)) {
        if (line.n && line.p[line.n - 1] == '\r') {
            line.n--;
        }
        line = sl_str_trim(line);
        if (line.n == 0 || line.p[0] == '#' || line.p[0] == ';') {
            continue;
        }
        if (line.p[0] == '[') {
            is_ours = sl_str_eq(line, SL_STR("[mlflow]"));
            continue;
        }
        size_t at = 0;
        while (at < line.n && line.p[at] != '=' && line.p[at] != ':') {
            at++;
        }
        if (!is_ours || at == line.n) {
            continue;
        }
        struct sl_str key = sl_str_trim(sl_str_sub(line, 0, at)), value = sl_str_trim(sl_str_sub(line, at + 1, line.n));
        if (io_user->n == 0 && sl_str_case_eq(key, SL_STR("mlflow_tracking_username"))) {
            *io_user = value;
        } else if (io_password->n == 0 && sl_str_case_eq(key, SL_STR("mlflow_tracking_password"))) {
            *io_password = value;
        }
    }
}

static int text_set(struct sluice_opts *opts, const char *name, struct sl_str value, sluice_error **err)
{
    char *copy = slc_dup(&opts->alloc, value.p, value.n);
    if (!copy) {
        return slc_fail(&opts->alloc, err, SLUICE_ENOMEM, "out of memory");
    }
    int r = sluice_opts_set_str(opts, name, copy, err);
    slc_wipe(copy, value.n);
    sl_alloc_free(&opts->alloc, copy);
    return r;
}

static int credentials_set(struct sluice_opts *opts, sluice_error **err)
{
    char file[FILE_MAX];
    struct sl_str user = env_str("MLFLOW_TRACKING_USERNAME"), password = env_str("MLFLOW_TRACKING_PASSWORD");
    struct sl_str token = env_str("MLFLOW_TRACKING_TOKEN");
    size_t n = 0;
    if (user.n == 0 || password.n == 0) {
        n = file_read(file, sizeof(file));
        credentials_parse(sl_str_make(file, n), &user, &password);
    }
    int r = 0;
    if (user.n && password.n) {
        r = text_set(opts, "username", user, err);
        r = r ? r : text_set(opts, "password", password, err);
    } else if (token.n) {
        r = text_set(opts, "key", token, err);
    }
    slc_wipe(file, n);
    return r;
}

static bool is_true(struct sl_str text)
{
    return sl_str_case_eq(text, SL_STR("true")) || sl_str_eq(text, SL_STR("1"));
}

int slc_env_mlflow(struct sluice_opts *opts, sluice_error **err)
{
    if (is_true(env_str("MLFLOW_TRACKING_AWS_SIGV4")) || env_str("MLFLOW_TRACKING_AUTH").n) {
        return slc_fail(&opts->alloc, err, SLUICE_EUSAGE,
                        "MLFLOW_TRACKING_AWS_SIGV4 and MLFLOW_TRACKING_AUTH are not supported: set SLUICE_KEY, or "
                        "MLFLOW_TRACKING_TOKEN");
    }
    int r = credentials_set(opts, err);
    struct sl_str ca = env_str("MLFLOW_TRACKING_SERVER_CERT_PATH"), cert = env_str("MLFLOW_TRACKING_CLIENT_CERT_PATH");
    if (r == 0 && ca.n) {
        r = text_set(opts, "ca", ca, err);
    }
    if (r == 0 && cert.n) {
        r = text_set(opts, "cert", cert, err);
    }
    if (r == 0 && is_true(env_str("MLFLOW_TRACKING_INSECURE_TLS"))) {
        r = sluice_opts_set_int(opts, "insecure", 1, err);
    }
    return r;
}
