/* SPDX-License-Identifier: Apache-2.0 */
/* The data directory: its place, its lock, and the secret key in it. */
#ifndef SL_STORE_DIR_H
#define SL_STORE_DIR_H

#include "base/arena.h"
#include "store/seal.h"

#define SL_DIR_KEY  "secret.key"
#define SL_DIR_NEXT "secret.key.next"
#define SL_DIR_LOCK "lock"

/* `given` (a flag or SLUICE_DATA), else $XDG_STATE_HOME/sluice, else ~/.local/state/sluice. p == NULL with 0: "none"
 * was given. *ret_is_asked: a person named the directory. SL_E_NOTFOUND: there is no home directory for it. */
SL_MUST int sl_dir_resolve(const char *given, struct sl_arena *arena, struct sl_str *ret, bool *ret_is_asked,
                           struct sl_err *err);
/* Makes the directory (0700, with its parents). */
SL_MUST int sl_dir_make(const char *dir, struct sl_err *err);
/* SL_E_INVAL with the name: the path is no regular file (opening a pipe would wait, a link leads to another place).
 * `may_link`: a symbolic link to a regular file is fine. */
SL_MUST int sl_dir_regular_or_refuse(const char *path, bool may_link, struct sl_err *err);
/* Takes the lock; the descriptor holds it. SL_E_BUSY: another process has it; the text has its id. */
SL_MUST int sl_dir_lock(const char *dir, int *ret_fd, struct sl_err *err);
/* The key: SLUICE_SECRET_KEY, else the file, else (`may_make`) a new one in the file, 0600, on disk before this
 * returns. SL_E_NOTFOUND: there is no key, and none may be made. */
SL_MUST int sl_dir_key(const char *dir, bool may_make, struct sl_seal *ret, struct sl_err *err);

/* The key of the file, whatever the environment says. SL_E_NOTFOUND: there is no such file. */
SL_MUST int sl_dir_file_key(const char *dir, struct sl_seal *ret, struct sl_err *err);

/* The environment variable that the key comes from; NULL: it comes from the file. */
const char *sl_dir_key_variable(void);

/* During a rotation the new key is kept beside the old one until the rows under it are durable: in
 * SLUICE_SECRET_KEY_NEW when the key comes from the environment, else in the file secret.key.next, on disk before this
 * returns. A key that an interrupted rotation left is used again, because only the database shows which of the two
 * counts. SL_E_NOTFOUND: there is no key, and none may be made. */
SL_MUST int sl_dir_next_key(const char *dir, bool may_make, struct sl_seal *ret, struct sl_err *err);
/* The next key becomes the key. Does nothing for a key of the environment. */
SL_MUST int sl_dir_next_adopt(const char *dir, struct sl_err *err);
/* Removes the key of a rotation that did not finish: nothing is encrypted under it. */
void sl_dir_next_drop(const char *dir);

#endif
