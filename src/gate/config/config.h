/* SPDX-License-Identifier: Apache-2.0 */
/* The whole configuration of one file, checked: settings and routes. */
#ifndef SL_GATE_CONFIG_H
#define SL_GATE_CONFIG_H

#include <stdio.h>

#include "conf/files.h"
#include "gate/config/overrides.h"

struct sl_problem;
struct sl_problems;
struct sl_route;
struct sl_settings;

struct sl_config {
    struct sl_settings *settings;
    struct sl_route **routes; /* in the file's order */
    uint32_t n_routes;
};

/* The text of the embedded default. It ends with a list of routes. */
struct sl_str sl_config_default(void);

/* `path` NULL: the embedded default. Every problem goes to `problems` (errors and warnings); SL_E_INVAL when there was
 * an error. `files` gets every file that was named (the configuration file, key files, certificates), also after an
 * error. `arena` holds the texts of problems; the configuration itself keeps nothing on it. Reads files and the
 * environment, changes nothing. */
SL_MUST int sl_config_load(const char *path, const struct sl_config_overrides *over, struct sl_arena *arena,
                           struct sl_problems *problems, struct sl_conf_files *files, struct sl_config **ret);
/* Loads from a text, without any file or variable: references to secrets are refused, certificates are not opened. */
SL_MUST int sl_config_load_text(const char *name, struct sl_str text, struct sl_arena *arena,
                                struct sl_problems *problems, struct sl_config **ret);
/* Takes over the TLS contexts whose files did not change, with their sessions and ticket keys. */
void sl_config_adopt_tls(struct sl_config *config, const struct sl_conf_files *files, const struct sl_config *before,
                         const struct sl_conf_files *files_before);
void sl_config_free(struct sl_config *config);

/* Long enough for the line of a problem: a path, and the texts of base/opt.c. */
#define SL_PROBLEM_LINE_MAX 6144

/* "file:line:col: error: path: text"; the word "error" only when it is wanted. */
void sl_problem_format(const struct sl_problem *problem, bool with_severity, char *out, size_t n);
/* Prints one problem on each line. */
void sl_problems_print(const struct sl_problems *problems, FILE *out);

#endif
