/* SPDX-License-Identifier: Apache-2.0 */
/* Tells that a peer has hung up while nobody reads what it sent: libuv sees neither FIN nor RST then, and an end behind
 * unread bytes cannot be read without them. The kernel is asked through a descriptor of its own, because libuv takes
 * each descriptor once. What has not fitted into the socket's buffer hides the end behind it. */
#ifndef SL_NET_HANGUP_H
#define SL_NET_HANGUP_H

#include <uv.h>

struct sl_hangup;

/* Calls fn(arg) from the loop, once. NULL: not possible now (no descriptor, no memory). */
struct sl_hangup *sl_hangup_new(uv_loop_t *loop, int fd, void (*fn)(void *arg), void *arg);
/* No call after this. NULL is fine. */
void sl_hangup_free(struct sl_hangup *hangup);

#endif
