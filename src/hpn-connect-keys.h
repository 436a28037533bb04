/* SPDX-License-Identifier: ISC */
/*
 * hpn-connect-keys: a part of sshconnect2.c, which includes this at its end.  It is
 * what hpn-connect-ssh.c does with identities and methods, which nobody else sees.
 */
#ifndef HPN_CONNECT_KEYS_H
#define HPN_CONNECT_KEYS_H

/* In ssh.c, from another patch on: a session that does not wait */
extern void ssh_session2_early(struct ssh *) __attribute__((weak));

static int
method_usable(const char *name, void *ctx)
{
	Authmethod *method = authmethod_lookup(name);

	if (authmethod_is_enabled(method) && hpn_connect_ssh_hopeless(name))
		method->enabled = NULL;
	return authmethod_is_enabled(method);
}

static int
identity_next(struct ssh *ssh, struct hpn_connect_key *k)
{
	Authctxt *authctxt = ssh->authctxt;
	Identity *id = k->id == NULL ? TAILQ_FIRST(&authctxt->keys) :
	    TAILQ_NEXT(k->id, next);

	if ((k->id = id) == NULL)
		return 0;
	k->key = id->key;
	k->filename = id->filename;
	k->agent_fd = id->agent_fd;
	k->alg = id->key != NULL && key_type_allowed_by_config(id->key) ?
	    key_sig_algorithm(ssh, id->key) : NULL;
	return 1;
}

static int
identity_offer(struct ssh *ssh, Identity *id, int signs)
{
	Authctxt *authctxt = ssh->authctxt;
	int sent;

	authctxt->method = authmethod_lookup("publickey");
	sent = signs ? sign_and_send_pubkey(ssh, id) : send_pubkey_test(ssh, id);
	authctxt->method = authmethod_lookup("none");
	return sent;
}

static void
identity_answer(struct ssh *ssh, Identity *id)
{
	Authctxt *authctxt = ssh->authctxt;

	if (id != NULL) {
		TAILQ_REMOVE(&authctxt->keys, id, next);
		TAILQ_INSERT_TAIL(&authctxt->keys, id, next);
		id->tried++;
	}
	ssh_dispatch_set(ssh, SSH2_MSG_USERAUTH_PK_OK, &input_userauth_pk_ok);
}

const struct hpn_connect_keys hpn_connect_keys = { method_usable,
    pubkey_prepare, identity_next, identity_offer, identity_answer,
    ssh_session2_early };

#endif /* HPN_CONNECT_KEYS_H */
