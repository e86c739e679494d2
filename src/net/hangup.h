/* SPDX-License-Identifier: Apache-2.0 */
/* Notices that a peer has hung up while nobody reads its bytes: libuv then sees neither FIN nor RST, and an end behind
 * unread bytes cannot be read without reading them. The kernel is asked through a second descriptor, because libuv
 * takes each descriptor only once. When the peer sent more than fits into the socket's buffer, its end cannot be
 * seen. */
#ifndef SL_NET_HANGUP_H
#define SL_NET_HANGUP_H

#include <uv.h>

struct sl_hangup;

/* Calls fn(arg) from the loop, once. NULL: not possible now (no descriptor, no memory). */
struct sl_hangup *sl_hangup_new(uv_loop_t *loop, int fd, void (*fn)(void *arg), void *arg);
/* No call comes after this. NULL is fine. */
void sl_hangup_free(struct sl_hangup *hangup);

#endif
