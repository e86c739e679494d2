/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the folder of a request log when it is opened, whatever an earlier process or a damaged disk left there. */
#ifndef SL_LOG_RECOVER_H
#define SL_LOG_RECOVER_H

#include "base/err.h"

struct sl_rlog;

/* Fills the log's lists; rows of files that were not sealed are sealed now. Damage is reported, and is no failure.
 * *ret_end: the number of the next row. */
SL_MUST int sl_rlog_recover(struct sl_rlog *log, uint64_t *ret_end, struct sl_err *err);

#endif
