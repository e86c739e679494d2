/* SPDX-License-Identifier: Apache-2.0 */
/* Secrets by reference, only for the operator's file: "$NAME" (environment), { file: PATH } or { env: NAME }, the path
 * of an existing file (MLflow's form), or the literal. A text that begins like a path must be an existing file. One
 * newline at the end of a file does not belong to the secret. */
#ifndef SL_CONF_SECRET_H
#define SL_CONF_SECRET_H

#include "base/opt.h"
#include "conf/files.h"

struct sl_secret;

/* A sl_secret_resolve_fn; `arg` is a struct sl_conf_files or NULL. Messages never have the secret. */
int sl_conf_resolve_secret(void *arg, const struct sl_val *val, struct sl_secret *ret, struct sl_err *err);

#endif
