/* SPDX-License-Identifier: Apache-2.0 */
/* Writes the JSON Schema of the configuration file (draft 7, which editors read), made from the option tables and, for
 * MLflow's sections, by hand. It is as strict in MLflow's sections as in ours: `check` warns of an unknown key there.
 */
#ifndef SL_GATE_FILE_SCHEMA_H
#define SL_GATE_FILE_SCHEMA_H

struct sl_buf;

/* Sticky: look at the buffer's status. */
void sl_file_schema(struct sl_buf *out);

#endif
