/* SPDX-License-Identifier: Apache-2.0 */
/* The console's files, which tools/genconsole.py makes from the folder console/. */
#ifndef SL_GATE_CONSOLE_H
#define SL_GATE_CONSOLE_H

#include "base/str.h"

struct sl_console_part {
    const char *etag;
    struct sl_str bytes;
};

struct sl_console_file {
    const char *name; /* NULL: the end */
    const char *type;
    struct sl_console_part plain, zipped; /* zipped: gzip */
};

/* The first is the page itself; none: this build has no console. */
extern const struct sl_console_file sl_console_files[];
/* The folder of the others. It has another name as soon as one of them is changed. */
extern const char sl_console_folder[];

#endif
