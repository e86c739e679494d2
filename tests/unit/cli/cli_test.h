/* SPDX-License-Identifier: Apache-2.0 */
/* Functions for the tests of the command line. */
#ifndef SLUICE_CLI_TEST_H
#define SLUICE_CLI_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/command.h"

/* Sends standard output and standard error into a text from here on. */
void cli_test_catch(void);
/* Returns what was written since; valid until the next catch. Both streams are the process's again. */
const char *cli_test_caught(void);
/* Splits `line` at its blanks ('…' is one word) and parses it; "sluice" is put before it. Catches what is printed. */
void cli_test_parse(const char *line, struct cli_meaning *meaning);

#endif
