/* SPDX-License-Identifier: Apache-2.0 */
/* Checks that the file at the path is still the open one. A database that was removed or replaced takes writes as
 * before, and all of them are lost. It belongs to the thread that runs the jobs. */
#ifndef SL_STORE_SQLITE_PLACE_H
#define SL_STORE_SQLITE_PLACE_H

#include <sys/types.h>

#include "base/err.h"

struct sl_place_file {
    dev_t dev;
    ino_t ino;
};

struct sl_place {
    struct sl_place_file db, log; /* all zeros: not known */
};

/* Call this after opening: remembers the files. */
void sl_place_note(struct sl_place *place, const char *path);
/* SL_E_IO: database or log do not exist any more, or are other files. */
SL_MUST int sl_place_check(const struct sl_place *place, const char *path, struct sl_err *err);
/* Call this before the database is opened again. SL_E_IO: there is none, and no empty one is made in its place. When
 * the database was replaced, the old one's log is moved away, because SQLite would write it into the new one. */
SL_MUST int sl_place_prepare(struct sl_place *place, const char *path, struct sl_err *err);

#endif
