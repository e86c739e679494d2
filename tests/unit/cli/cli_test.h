/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of the command line share. */
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

/* Standard output and standard error go into a text from here on. */
void cli_test_catch(void);
/* What was written since; lives until the next one. Both streams are the process's again. */
const char *cli_test_caught(void);
/* `line` split at its blanks ('…' is one word) and parsed; "sluice" is put before it. Catches what is said. */
void cli_test_parse(const char *line, struct cli_meaning *meaning);

#endif
