# shellcheck shell=bash
# OpenSSH: ssh-keygen, ssh-agent and ssh-add.

# The key as OpenSSH writes it, from the service's certificate.
ssh_public_key() { ssh-keygen -i -m PKCS8 -f public-key; }

# ssh-keygen shows the public keys without login, and the label as their comment; a key that two policies share once.
ssh_keygen_list() {
    run ssh-keygen -D "$MODULE" >said
    says $(($(policy_count) - 1)) '^(ssh-rsa|ecdsa-sha2-nistp[0-9]+) '
    grep -qxF "$(ssh_public_key) $KEY" said || fail "ssh-keygen does not show the key"
}

# Starts an agent that may load the module, and makes a program that knows the PIN.
start_ssh_agent() {
    printf '#!/bin/sh\necho %s\n' "$PIN" >askpass
    chmod +x askpass
    eval "$(ssh-agent -s -P "$(realpath "$MODULE")")"
    trap 'ssh-agent -k' EXIT
}

# The agent's helper keeps the module and the login.
ssh_agent_sign() {
    start_ssh_agent
    cp "$INPUTS/short" file
    echo "signer $(ssh_public_key)" >allowed-signers
    SSH_ASKPASS=$PWD/askpass SSH_ASKPASS_REQUIRE=force signs 0 ssh-add -s "$MODULE"
    run ssh-add -L >said
    grep " $KEY\$" said >key.pub
    signs 1 ssh-keygen -Y sign -f key.pub -n file file
    run ssh-keygen -Y verify -f allowed-signers -I signer -n file -s file.sig <"$INPUTS/short"
    run ssh-add -e "$MODULE"
    run ssh-add -D
}
