/* SPDX-License-Identifier: Apache-2.0 */
/* Values of the operator's file as JSON that may be shown: what is a secret, or may be one, is "***" with a print, by
 * which a reader sees that it changed. References ($NAME, { file: PATH }) are no secrets. */
#ifndef SL_GATE_MASKED_H
#define SL_GATE_MASKED_H

struct sl_conf_files;
struct sl_jw;
struct sl_opt;
struct sl_val;

/* The value of a row of an option table. `files`: those that the configuration names; a text that is the path of one of
 * them is a reference. May be NULL. */
void sl_masked_write(struct sl_jw *w, const struct sl_conf_files *files, const struct sl_opt *row,
                     const struct sl_val *val);
/* An entry of `endpoints:`. */
void sl_masked_entry_write(struct sl_jw *w, const struct sl_conf_files *files, const struct sl_val *entry);

#endif
