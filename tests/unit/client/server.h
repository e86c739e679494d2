/* SPDX-License-Identifier: Apache-2.0 */
/* A gateway of a few canned replies, on threads of the test program. */
#ifndef SL_TEST_CLIENT_SERVER_H
#define SL_TEST_CLIENT_SERVER_H

/* Starts it once for the process; every call gives "http://127.0.0.1:PORT". What it answers, by path:
 * routes/ two pages of one route · routes/NAME and POST routes/ one route · limits/… limits ·
 * /gateway/chat/… a reply, or a stream of three events when the body asks for one ·
 * /gateway/busy/… 429 with Retry-After: 0, then as chat · /gateway/gone/… closes · /gateway/silent/… nothing ·
 * /gateway/tools/… a text and a tool call, whole · /gateway/slow/… {} after SERVER_SLOW_MSEC · /gateway/held/… {} when
 * server_release lets it go · /gateway/script/… the bytes of server_script, then closes */
const char *server_url(void);
/* Serves one connection until its peer closes. */
void server_serve(int fd);
/* Answers `n` calls of /gateway/held/…, now or when they come. */
void server_release(int n);
/* The number of requests, whole replies and connections so far. A reply that was counted is in its client's socket. */
int server_count(void);
int server_replies(void);
int server_connections(void);
/* Sets what /gateway/script/… sends from now on: a whole reply with its head. Borrowed. */
void server_script(const char *raw);

#define SERVER_SLOW_MSEC 60

#endif
