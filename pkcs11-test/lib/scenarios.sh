# shellcheck shell=bash disable=SC2034 # the other files use what this one sets
<<<<<<< HEAD
# What is signed with which tool. A row is one use of a tool: its name, the tool, the key, the PKCS #11 mechanism that the tool
# asks for, and the function in scenarios/ that signs with the tool. A program that only has the service's certificates verifies the
# result.
=======
# The table of tools and what they sign. A row is one use of a tool: its name, the tool, the key, the PKCS #11
# mechanism that the tool uses, and the function in scenarios/ that signs with the tool and then verifies the result
# with a program that only has the service's certificates.
>>>>>>> h-words-b

. pkcs11-test/lib/scenarios/inputs.sh
. pkcs11-test/lib/scenarios/openssl.sh
. pkcs11-test/lib/scenarios/authenticode.sh
. pkcs11-test/lib/scenarios/java.sh
. pkcs11-test/lib/scenarios/opensc.sh
. pkcs11-test/lib/scenarios/p11_kit.sh
. pkcs11-test/lib/scenarios/gpg.sh
. pkcs11-test/lib/scenarios/gnutls.sh
. pkcs11-test/lib/scenarios/nss.sh
. pkcs11-test/lib/scenarios/openssh.sh
. pkcs11-test/lib/scenarios/python.sh
. pkcs11-test/lib/scenarios/tls.sh
. pkcs11-test/lib/scenarios/refusal.sh
. pkcs11-test/lib/scenarios/official.sh
. pkcs11-test/lib/scenarios/timestamps.sh
. pkcs11-test/lib/scenarios/pages.sh

# The rows of the demo.
DEMO_ROWS=(
    "dgst-rsa-2048     | openssl dgst    | demo/rsa-2048 | RSA_PKCS, SHA-256            | openssl_dgst sha256"
    "dgst-rsa-3072     | openssl dgst    | demo/rsa-3072 | RSA_PKCS, SHA-256            | openssl_dgst sha256"
    "dgst-rsa-4096     | openssl dgst    | demo/rsa-4096 | RSA_PKCS, SHA-512            | openssl_dgst sha512"
    "dgst-pss          | openssl dgst    | demo/rsa-3072 | RSA_PKCS_PSS, SHA-256        | openssl_dgst sha256 pss"
    "dgst-p-256        | openssl dgst    | demo/p-256    | ECDSA, SHA-256               | openssl_dgst sha256"
    "dgst-p-384        | openssl dgst    | demo/p-384    | ECDSA, SHA-384               | openssl_dgst sha384"
    "dgst-p-521        | openssl dgst    | demo/p-521    | ECDSA, SHA-512               | openssl_dgst sha512"
    "pkeyutl-rsa       | openssl pkeyutl | demo/rsa-3072 | RSA_PKCS, SHA-256            | openssl_pkeyutl"
    "pkeyutl-pss       | openssl pkeyutl | demo/rsa-3072 | RSA_PKCS_PSS, SHA-256        | openssl_pkeyutl pss"
    "pkeyutl-p-256     | openssl pkeyutl | demo/p-256    | ECDSA, SHA-256               | openssl_pkeyutl"
    "cms-rsa           | openssl cms     | demo/rsa-3072 | RSA_PKCS, SHA-256            | openssl_cms"
    "cms-pss           | openssl cms     | demo/rsa-3072 | RSA_PKCS_PSS, SHA-256        | openssl_cms pss"
    "cms-p-256         | openssl cms     | demo/p-256    | ECDSA, SHA-256               | openssl_cms"
    "osslsigncode-rsa  | osslsigncode    | demo/rsa-3072 | RSA_PKCS, SHA-256            | osslsigncode_pe sha256"
    "osslsigncode-ec   | osslsigncode    | demo/p-384    | ECDSA, SHA-384               | osslsigncode_pe sha384"
    "jarsigner-rsa     | jarsigner       | demo/rsa-3072 | SHA256_RSA_PKCS              | jarsigner_jar SHA256withRSA"
    "jarsigner-pss     | jarsigner       | demo/rsa-3072 | RSA_PKCS_PSS, SHA-256        | jarsigner_jar RSASSA-PSS"
    "jarsigner-ec      | jarsigner       | demo/p-256    | ECDSA_SHA256                 | jarsigner_jar SHA256withECDSA"
    "pkcs11-tool-rsa   | pkcs11-tool     | demo/rsa-3072 | RSA_PKCS, SHA-256            | pkcs11_tool RSA-PKCS digest-info"
    "pkcs11-tool-pss   | pkcs11-tool     | demo/rsa-3072 | RSA_PKCS_PSS, SHA-256        | pkcs11_tool RSA-PKCS-PSS digest"
    "pkcs11-tool-ec    | pkcs11-tool     | demo/p-256    | ECDSA, SHA-256               | pkcs11_tool ECDSA digest"
    "pkcs11-tool-short | pkcs11-tool     | demo/rsa-3072 | SHA256_RSA_PKCS              | pkcs11_tool SHA256-RSA-PKCS short"
    "pkcs11-tool-long  | pkcs11-tool     | demo/rsa-3072 | SHA256_RSA_PKCS, multi-part  | pkcs11_tool SHA256-RSA-PKCS long"
    "pkcs11-tool-hash  | pkcs11-tool     | demo/p-256    | ECDSA_SHA256, multi-part     | pkcs11_tool ECDSA-SHA256 long"
    "gpg               | gpg             | demo/rsa-3072 | RSA_PKCS, SHA-512            | gpg_detached"
)

<<<<<<< HEAD
# Further rows, for the tests.
=======
# Additional rows for the tests.
>>>>>>> h-words-b
TOOL_ROWS=(
    "key-names            | openssl dgst    | demo/rsa-3072 | RSA_PKCS, SHA-256            | openssl_key_names"
    "openssl-conf         | openssl dgst    | demo/p-256    | ECDSA, SHA-256               | openssl_configuration"
    "req-rsa              | openssl req     | demo/rsa-3072 | RSA_PKCS, SHA-256            | openssl_req"
    "req-ec               | openssl req     | demo/p-384    | ECDSA, SHA-256               | openssl_req"
    "sbsign               | sbsign          | demo/rsa-3072 | RSA_PKCS, SHA-256            | sbsign_efi"
    "pesign               | pesign          | demo/rsa-3072 | RSA_PKCS, SHA-256            | pesign_efi"
    "keytool              | keytool         | demo/p-256    | none                         | keytool_list"
    "apksigner-rsa        | apksigner       | demo/rsa-3072 | SHA256_RSA_PKCS              | apksigner_apk"
    "apksigner-ec         | apksigner       | demo/p-256    | ECDSA_SHA256                 | apksigner_apk"
    "pkcs11-tool-test     | pkcs11-tool     | demo/rsa-3072 | all that it knows            | pkcs11_tool_test"
    "pkcs11-tool-fork     | pkcs11-tool     | demo/rsa-3072 | none                         | pkcs11_tool_fork"
    "pkcs11-tool-token    | pkcs11-tool     | demo/p-521    | none                         | pkcs11_tool_token"
    "pkcs11-tool-read-rsa | pkcs11-tool     | demo/rsa-4096 | none                         | pkcs11_tool_read"
    "pkcs11-tool-read-ec  | pkcs11-tool     | demo/p-256    | none                         | pkcs11_tool_read"
    "p11-kit-module       | p11-kit         | demo/p-256    | ECDSA_SHA256, multi-part     | p11_kit_module"
    "p11-kit-remote       | p11-kit         | demo/rsa-3072 | SHA256_RSA_PKCS, multi-part  | p11_kit_remote"
    "p11-kit-engine       | openssl dgst    | demo/rsa-3072 | RSA_PKCS, SHA-256            | p11_kit_engine"
    "gpg-stand-in         | gpg             | demo/rsa-4096 | RSA_PKCS, SHA-512            | gpg_without_certificate"
    "rpmsign              | rpmsign         | demo/rsa-3072 | RSA_PKCS, SHA-512            | gpg_rpm"
    "debsigs              | debsigs         | demo/rsa-3072 | RSA_PKCS, SHA-512            | gpg_deb"
    "p11tool-list         | p11tool         | demo/rsa-3072 | none                         | p11tool_list"
    "p11tool-rsa          | p11tool         | demo/rsa-3072 | RSA_PKCS, SHA-256            | p11tool_test_sign"
    "p11tool-pss          | p11tool         | demo/rsa-3072 | RSA_PKCS_PSS, SHA-256        | p11tool_test_sign --sign-params=RSA-PSS"
    "p11tool-ec           | p11tool         | demo/p-256    | ECDSA, SHA-256               | p11tool_test_sign"
    "certtool-rsa         | certtool        | demo/rsa-3072 | RSA_PKCS, SHA-256            | certtool_self_signed"
    "certtool-ec          | certtool        | demo/p-256    | ECDSA, SHA-256               | certtool_self_signed"
    "certtool-p7          | certtool        | demo/rsa-3072 | RSA_PKCS, SHA-256            | certtool_p7"
    "nss-list             | certutil        | demo/p-256    | none                         | nss_list"
    "cmsutil              | cmsutil         | demo/email    | ECDSA, SHA-256               | nss_cmsutil"
    "signtool             | signtool        | demo/rsa-3072 | RSA_PKCS, SHA-1              | nss_signtool"
    "ssh-keygen-rsa       | ssh-keygen      | demo/rsa-3072 | none                         | ssh_keygen_list"
    "ssh-keygen-ec        | ssh-keygen      | demo/p-384    | none                         | ssh_keygen_list"
    "ssh-agent-rsa        | ssh-agent       | demo/rsa-3072 | RSA_PKCS, SHA-512            | ssh_agent_sign"
    "ssh-agent-ec         | ssh-agent       | demo/p-256    | ECDSA, SHA-256               | ssh_agent_sign"
    "pykcs11              | PyKCS11         | demo/rsa-3072 | SHA256_RSA_PKCS              | python_pykcs11 CKM_SHA256_RSA_PKCS"
    "python-pkcs11-rsa    | python-pkcs11   | demo/rsa-3072 | SHA256_RSA_PKCS              | python_pkcs11 SHA256_RSA_PKCS"
    "python-pkcs11-ec     | python-pkcs11   | demo/p-256    | ECDSA_SHA256                 | python_pkcs11 ECDSA_SHA256"
    "nginx                | nginx           | demo/rsa-3072 | RSA_PKCS_PSS, SHA-256        | tls_nginx"
    "stunnel              | stunnel         | demo/rsa-3072 | RSA_PKCS_PSS, SHA-256        | tls_stunnel"
    "curl-rsa             | curl            | demo/rsa-3072 | RSA_PKCS_PSS, SHA-256        | tls_curl"
    "curl-ec              | curl            | demo/p-256    | ECDSA, SHA-256               | tls_curl"
    "spy                  | pkcs11-spy      | demo/rsa-3072 | SHA256_RSA_PKCS              | python_pkcs11_spied"
    "refused-openssl      | openssl         | demo/rsa-3072 | none                         | refused_openssl"
    "refused-osslsigncode | osslsigncode    | demo/rsa-3072 | none                         | refused_osslsigncode"
    "refused-sbsign       | sbsign          | demo/rsa-3072 | none                         | refused_sbsign"
    "refused-java         | jarsigner       | demo/rsa-3072 | none                         | refused_java"
    "refused-pkcs11-tool  | pkcs11-tool     | demo/rsa-3072 | none                         | refused_pkcs11_tool"
    "refused-gnutls       | p11tool         | demo/rsa-3072 | none                         | refused_gnutls"
    "refused-nss          | certutil        | demo/rsa-3072 | none                         | refused_nss"
    "refused-ssh-agent    | ssh-agent       | demo/rsa-3072 | none                         | refused_ssh_agent"
    "refused-python       | PyKCS11         | demo/rsa-3072 | none                         | refused_python"
    "refused-gpg          | gpg             | demo/rsa-3072 | none                         | refused_gpg"
    "page-readme          | openssl         | app/release   | RSA_PKCS, SHA-256            | page_readme"
    "page-command-line    | signpath-pkcs11 | app/release   | RSA_PKCS, SHA-256            | page_command_line"
    "page-logging         | pkcs11-tool     | app/release   | none                         | page_logging"
    "page-openssl         | openssl         | app/release   | RSA_PKCS, SHA-256            | page_openssl"
    "page-osslsigncode    | osslsigncode    | app/release   | RSA_PKCS, SHA-256            | page_osslsigncode"
    "page-sbsign          | sbsign          | app/release   | RSA_PKCS, SHA-256            | page_sbsign"
    "page-pesign          | pesign          | app/release   | RSA_PKCS, SHA-256            | page_pesign"
    "page-jarsigner       | jarsigner       | app/release   | SHA256_RSA_PKCS              | page_jarsigner"
    "page-apksigner       | apksigner       | app/release   | SHA256_RSA_PKCS              | page_apksigner"
    "page-pkcs11-tool     | pkcs11-tool     | app/release   | SHA256_RSA_PKCS              | page_pkcs11_tool"
    "page-gpg             | gpg             | app/release   | RSA_PKCS, SHA-512            | page_gpg"
    "page-packages        | rpmsign         | app/release   | RSA_PKCS, SHA-512            | page_packages"
    "page-gnutls          | certtool        | app/release   | RSA_PKCS, SHA-256            | page_gnutls"
    "page-nss             | cmsutil         | app/release   | ECDSA, SHA-256               | page_nss"
    "page-openssh         | ssh-agent       | app/release   | RSA_PKCS, SHA-512            | page_openssh"
    "page-p11-kit         | p11-kit         | app/release   | RSA_PKCS, SHA-256            | page_p11_kit"
    "page-python          | PyKCS11         | app/release   | SHA256_RSA_PKCS              | page_python"
    "page-curl            | curl            | app/release   | RSA_PKCS_PSS, SHA-256        | page_curl"
    "page-nginx           | nginx           | app/release   | RSA_PKCS_PSS, SHA-256        | page_nginx"
    "page-stunnel         | stunnel         | app/release   | RSA_PKCS_PSS, SHA-256        | page_stunnel"
    "page-timestamps      | osslsigncode    | app/release   | RSA_PKCS, SHA-256            | page_timestamps"
    "page-chain           | osslsigncode    | app/release   | RSA_PKCS, SHA-256            | page_chain"
    "page-many            | openssl dgst    | app/release   | RSA_PKCS, SHA-256            | page_many"
    "pss-salts            | openssl pkeyutl | demo/rsa-3072 | RSA_PKCS_PSS, SHA-256        | openssl_salts"
    "osslsigncode-names   | osslsigncode    | demo/rsa-3072 | RSA_PKCS, SHA-256            | osslsigncode_names"
    "keytool-slots        | keytool         | demo/rsa-3072 | none                         | keytool_slots"
    "java-first-ec        | jarsigner       | demo/p-256    | ECDSA_SHA256                 | jarsigner_first_provider SHA256withECDSA"
    "java-first-pss       | jarsigner       | demo/rsa-3072 | RSA_PKCS_PSS, SHA-256        | jarsigner_first_provider RSASSA-PSS"
    "pkcs11-tool-slots    | pkcs11-tool     | demo/rsa-3072 | SHA256_RSA_PKCS, multi-part  | pkcs11_tool_slots"
    "json-dgst            | openssl dgst    | demo/rsa-3072 | RSA_PKCS, SHA-256            | with_json openssl_dgst sha256"
    "json-pkeyutl         | openssl pkeyutl | demo/rsa-3072 | RSA_PKCS, SHA-256            | with_json openssl_pkeyutl"
    "json-pkeyutl-pss     | openssl pkeyutl | demo/rsa-3072 | RSA_PKCS_PSS, SHA-256        | with_json openssl_pkeyutl pss"
    "json-cms             | openssl cms     | demo/p-256    | ECDSA, SHA-256               | with_json openssl_cms"
    "json-osslsigncode    | osslsigncode    | demo/rsa-3072 | RSA_PKCS, SHA-256            | with_json osslsigncode_pe sha256"
    "json-pkcs11-tool     | pkcs11-tool     | demo/rsa-3072 | SHA256_RSA_PKCS, multi-part  | with_json pkcs11_tool SHA256-RSA-PKCS long"
    "json-jarsigner       | jarsigner       | demo/rsa-3072 | SHA256_RSA_PKCS              | with_json jarsigner_jar SHA256withRSA"
    "json-gpg             | gpg             | demo/rsa-3072 | RSA_PKCS, SHA-512            | with_json gpg_detached"
    "pin-osslsigncode     | osslsigncode    | demo/rsa-3072 | RSA_PKCS, SHA-256            | with_full_pin osslsigncode_pe sha256"
    "pin-pkcs11-tool      | pkcs11-tool     | demo/rsa-3072 | SHA256_RSA_PKCS, multi-part  | with_full_pin pkcs11_tool SHA256-RSA-PKCS long"
    "pin-jarsigner        | jarsigner       | demo/rsa-3072 | SHA256_RSA_PKCS              | with_full_pin jarsigner_jar SHA256withRSA"
    "pin-gpg              | gpg             | demo/rsa-3072 | RSA_PKCS, SHA-512            | with_full_pin gpg_private_certificates"
    "pin-p11tool          | p11tool         | demo/p-256    | ECDSA, SHA-256               | with_full_pin p11tool_test_sign"
    "pin-cmsutil          | cmsutil         | demo/email    | ECDSA, SHA-256               | with_full_pin nss_cmsutil"
    "pin-ssh-agent        | ssh-agent       | demo/p-256    | ECDSA, SHA-256               | with_full_pin ssh_agent_sign"
    "pin-pykcs11          | PyKCS11         | demo/rsa-3072 | SHA256_RSA_PKCS              | with_full_pin python_pykcs11 CKM_SHA256_RSA_PKCS"
    "older-name           | openssl dgst    | demo/rsa-3072 | RSA_PKCS, SHA-256            | with_older_name openssl_dgst sha256"
)
