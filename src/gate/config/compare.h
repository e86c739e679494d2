/* SPDX-License-Identifier: Apache-2.0 */
/* What differs between two pictures of a file: picture.h. */
#ifndef SL_GATE_COMPARE_H
#define SL_GATE_COMPARE_H

#include "base/err.h"
#include "base/str.h"

struct sl_picture;
struct sl_picture_item;

enum sl_change_of { SL_CHANGE_OF_SETTING, SL_CHANGE_OF_ROUTE, SL_CHANGE_OF_FILE };

struct sl_change {
    enum sl_change_of of;
    const struct sl_picture_item *before, *after; /* NULL: it was not there, it is not there any more */
};

/* Calls fn for each change: settings, then routes, then files that have another content, but for `file`, which is the
 * configuration's own. SL_E_NOMEM. */
SL_MUST int sl_pictures_compare(const struct sl_picture *before, const struct sl_picture *after, struct sl_str file,
                                void (*fn)(void *arg, const struct sl_change *change), void *arg);

#endif
