/* SPDX-License-Identifier: Apache-2.0 */
/* A getaddrinfo whose answers the test sets. */
#ifndef FAKE_DNS_H
#define FAKE_DNS_H

#include <stdbool.h>

/* Replaces the real one from now on, with no names; the resolver has a fake clock. */
void fake_dns_start(void);
/* Restores the real ones. No look-up may be under way. */
void fake_dns_stop(void);
/* Sets the addresses of a name, separated by spaces; NULL: an error. */
void fake_dns_set(const char *name, const char *addrs);
/* Look-ups of the name hang until released. */
void fake_dns_hang(const char *name, bool is_hanging);
/* Look-ups begun, and those under way. */
int fake_dns_calls(const char *name);
int fake_dns_running(void);
/* The resolver's time goes on. */
void fake_dns_pass(unsigned seconds);

#endif
