/* SPDX-License-Identifier: MIT */
/*
 * The control socket: line in, line out, for several clients; and its client.
 *
 * Locking: the server is one thread that owns all its state.
 */
#ifndef VCARD_TRANSPORT_CTL_SOCKET_H
#define VCARD_TRANSPORT_CTL_SOCKET_H

#include "../core/card.h"

struct ctl_server;

/** ctl_server_start() - @listener is owned from here on. Return: 0 or -errno */
int ctl_server_start(struct vcard *card, int listener, struct ctl_server **out);
void ctl_server_stop(struct ctl_server *server);

/** ctl_client_run() - one command to a socket or character device. Return: exit status */
int ctl_client_run(const char *path, char **words);

/** unix_listen() - replaces a stale socket file, never one that somebody serves. Return: fd or -errno */
int unix_listen(const char *path);

#endif
