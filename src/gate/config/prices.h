/* SPDX-License-Identifier: Apache-2.0 */
/* The file's `prices:` section: what models cost, for what calls cost. The table that is made of it has the shipped
 * rows, those of the operator's file, and those of `models`, each over the ones before. */
#ifndef SL_GATE_PRICES_H
#define SL_GATE_PRICES_H

#include "base/str.h"

struct sl_bind;
struct sl_conf_files;
struct sl_opt;
struct sl_prices;
struct sl_val;

/* What the section says. */
struct sl_prices_said {
    struct sl_str file;          /* of the operator, in the form of the public price table; p == NULL: none is read */
    const struct sl_val *models; /* NULL: none */
};

/* The check of the row `models`. */
int sl_prices_models_check(struct sl_bind *bind, const struct sl_opt *row, const struct sl_val *val, void *field);
/* Makes the table; problems go to the bind. *ret is NULL when there is no memory for it. `root`: the whole file. */
void sl_prices_load(struct sl_bind *bind, struct sl_conf_files *files, const struct sl_val *root,
                    const struct sl_prices_said *said, struct sl_prices **ret);

/* data/prices.yaml */
extern const char sl_prices_shipped[];

#endif
