/* SPDX-License-Identifier: Apache-2.0 */
/* Is the file at the path still the one that is open? A database that was removed or replaced takes writes as before,
 * and all of them are lost. Belongs to the thread that runs the jobs. */
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

/* After opening: these are the files. */
void sl_place_note(struct sl_place *place, const char *path);
/* SL_E_IO: database or log are not there any more, or are other files. */
SL_MUST int sl_place_check(const struct sl_place *place, const char *path, struct sl_err *err);
/* Before it is opened anew. SL_E_IO: there is nothing, and an empty one is not made in its place. Of a database that
 * was replaced the old one's log is put aside: SQLite would write it into the new one. */
SL_MUST int sl_place_prepare(struct sl_place *place, const char *path, struct sl_err *err);

#endif
