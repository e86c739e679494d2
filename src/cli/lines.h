/* SPDX-License-Identifier: Apache-2.0 */
/* Lines from a person: with editing and history (libedit) on a terminal, plain otherwise. */
#ifndef SLUICE_CLI_LINES_H
#define SLUICE_CLI_LINES_H

#include <histedit.h>
#include <stdbool.h>
#include <stddef.h>

struct line_reader {
    EditLine *edit; /* NULL: no terminal */
    History *history;
    HistEvent event;
    char path[1024]; /* of the history file; "": none */
    char *line;
    size_t cap;
};

void reader_init(struct line_reader *r);
void reader_done(struct line_reader *r);
/* The next line without its newline, or NULL at the end of input. A paste is one line, with newlines in it. */
const char *reader_next(struct line_reader *r);
/* The next line belongs to the one before: the prompt says so. */
void reader_goes_on(bool is_next);

#endif
