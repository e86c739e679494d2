/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/env.h"
#include "base/secret.h"

#define SECRET_MAX 65536

static int file_read(struct sl_conf_files *files, const char *path, struct sl_secret *ret, struct sl_err *err)
{
    char *text = malloc(SECRET_MAX + 1);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* opening a pipe must not wait for its other end */
    int why = errno;
    struct stat st;
    bool is_file = fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
    if (!is_file || !text) {
        int r = sl_fail(err, SL_E_IO, "cannot read the key file %s: %s", path,
                        fd < 0     ? strerror(why)
                        : !is_file ? "it is no regular file"
                                   : "out of memory");
        free(text);
        if (fd >= 0) {
            close(fd);
        }
        /* The file may come later, so it is watched. */
        SL_IGNORE(sl_conf_files_note(files, sl_str_c(path), SL_CONF_PRINT_NONE) < 0);
        return r;
    }
    size_t n = 0;
    ssize_t got;
    while (n <= SECRET_MAX && ((got = read(fd, text + n, SECRET_MAX + 1 - n)) > 0 || (got < 0 && errno == EINTR))) {
        n += got > 0 ? (size_t)got : 0;
    }
    why = errno;
    close(fd);
    int r = sl_conf_files_note(files, sl_str_c(path), sl_conf_print(sl_str_make(text, n)));
    if (r < 0) {
        sl_fail(err, r, "out of memory");
    } else if (got < 0) {
        r = sl_fail(err, SL_E_IO, "cannot read the key file %s: %s", path, strerror(why));
    } else if (n > SECRET_MAX) {
        r = sl_fail(err, SL_E_LIMIT, "the key file %s is larger than %d bytes", path, SECRET_MAX);
    } else {
        if (n && text[n - 1] == '\n') {
            n--;
            n -= n && text[n - 1] == '\r';
        }
        r = n ? sl_secret_set(ret, sl_str_make(text, n)) : sl_fail(err, SL_E_INVAL, "the key file %s is empty", path);
    }
    sl_wipe(text, SECRET_MAX + 1);
    free(text);
    return r;
}

static int env_read(struct sl_conf_files *files, struct sl_str name, struct sl_secret *ret, struct sl_err *err)
{
    char text[256];
    if (name.n >= sizeof(text) || name.n == 0) {
        return sl_fail(err, SL_E_INVAL, "\"$\" must be followed by the name of an environment variable");
    }
    memcpy(text, name.p, name.n);
    text[name.n] = '\0';
    const char *value = sl_env_secret(text);
    if (!value || !*value) {
        if (files) {
            files->is_env_unset = true;
        }
        return sl_fail(err, SL_E_NOTFOUND, "Environment variable '%s' is %s%s", text,
                       value ? "not set: it is empty" : "not set",
                       text[0] == '{' ? " (write $NAME, without braces)" : "");
    }
    return sl_secret_set(ret, sl_str_c(value));
}

/* The path is relative to the file that names it. */
static int file_reference(struct sl_conf_files *files, const struct sl_val *path, struct sl_secret *ret,
                          struct sl_err *err)
{
    char full[PATH_MAX];
    const char *slash = path->pos.file ? strrchr(path->pos.file, '/') : NULL;
    int n = path->text.n && path->text.p[0] != '/' && slash
                ? snprintf(full, sizeof(full), "%.*s/%.*s", (int)(slash - path->pos.file), path->pos.file,
                           SL_STR_ARG(path->text))
                : snprintf(full, sizeof(full), "%.*s", SL_STR_ARG(path->text));
    if (n < 0 || (size_t)n >= sizeof(full)) {
        return sl_fail(err, SL_E_INVAL, "the path of the key file is too long");
    }
    return file_read(files, full, ret, err);
}

int sl_conf_resolve_secret(void *arg, const struct sl_val *val, struct sl_secret *ret, struct sl_err *err)
{
    struct sl_conf_files *files = arg;
    if (val->kind == SL_VAL_MAP) {
        const struct sl_val *file = sl_val_find(val, "file");
        const struct sl_val *env = sl_val_find(val, "env");
        if (val->n == 1 && file && file->kind == SL_VAL_STRING) {
            return file_reference(files, file, ret, err);
        }
        if (val->n == 1 && env && env->kind == SL_VAL_STRING) {
            return env_read(files, env->text, ret, err);
        }
        return sl_fail(err, SL_E_INVAL, "a secret's map must be { file: PATH } or { env: NAME }");
    }
    if (val->kind != SL_VAL_STRING) {
        return sl_fail(err, SL_E_INVAL,
                       "The api key provided is not a string. Please provide either an environment variable key, a "
                       "path to a file containing the "
                       "api key, or the api key itself");
    }
    if (val->text.n && val->text.p[0] == '$') {
        return env_read(files, sl_str_sub(val->text, 1, val->text.n), ret, err);
    }
    char path[PATH_MAX];
    struct stat st;
    if (val->text.n && val->text.n < sizeof(path) && memchr(val->text.p, '\0', val->text.n) == NULL) {
        memcpy(path, val->text.p, val->text.n);
        path[val->text.n] = '\0';
        if (stat(path, &st) == 0 && S_ISREG(st.st_mode)) {
            return file_read(files, path, ret, err);
        }
        /* No API key begins like this. A key file that is missing for a moment must not make its path the key. */
        if (path[0] == '/' || strncmp(path, "./", 2) == 0 || strncmp(path, "../", 3) == 0) {
            SL_IGNORE(sl_conf_files_note(files, val->text, SL_CONF_PRINT_NONE) < 0); /* as above */
            return sl_fail(err, SL_E_NOTFOUND, "the key file %s does not exist", path);
        }
    }
    return sl_secret_set(ret, val->text);
}
