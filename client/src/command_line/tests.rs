//! What is and is not masked in a command line.

use super::*;
use crate::secret::Secret;

/// Arguments and what is shown of them, one a line however long it is.
macro_rules! rows {
    ($([$($argument:expr),+] => $expected:expr;)*) => { [$((&[$($argument),+][..], $expected)),*] };
}

fn masked(arguments: &[&str]) -> String {
    let masker = Masker::new([&Secret::new("t0ken/+=".to_owned())]);
    command_line((arguments.join("\0") + "\0").as_bytes(), &masker)
}

#[test]
fn masks_the_values_of_secret_options_and_attributes() {
    for (arguments, expected) in rows! {
        ["pkcs11-tool", "--pin", "hunter2", "--sign"] => "pkcs11-tool --pin *** --sign";
        ["pkcs11-tool", "--pin=hunter2"] => "pkcs11-tool --pin=***";
        ["tool", "--keypin=hunter2", "--mypass:hunter2"] => "tool --keypin=*** --mypass:***";
        ["pkcs11-tool", "-p", "x t0ken/+= y"] => "pkcs11-tool -p \"x *** y\"";
        ["osslsigncode", "-pass", "hunter2", "-in", "a"] => "osslsigncode -pass *** -in a";
        ["jarsigner", "-storepass", "hunter2"] => "jarsigner -storepass ***";
        ["jarsigner", "-storepass:env", "NAME"] => "jarsigner -storepass:*** NAME";
        ["openssl", "-sign", "pkcs11:id=a;pin-value=hunter2;type=private"] => "openssl -sign pkcs11:id=a;pin-value=***;type=private";
        ["openssl", "pkcs11:id=a?pin-value=hunter2&module-name=x"] => "openssl pkcs11:id=a?pin-value=***&module-name=x";
        ["openssl", "-pre", "PIN=hunter2"] => "openssl -pre PIN=***";
        ["openssl", "-pre", "PIN:1", "a;PIN-VALUE=h;pin-value=i"] => "openssl -pre PIN:*** a;PIN-VALUE=***;pin-value=***";
        ["openssl", "-passout", "pass:a b", "-passin", "file:c", "--x=pass:d"] => "openssl -passout pass:*** -passin *** --x=pass:***";
        ["sh", "-c", "openssl -passout pass:a -in b 'pass:c d' bypass:e"] => "sh -c \"openssl -passout pass:*** -in b 'pass:***' bypass:e\"";
        ["openssl", "cmp", "-newkeypass", "a", "--pwd", "b", "-PNEXUS_PWD=c", "PWD=d"] => "openssl cmp -newkeypass *** --pwd *** -PNEXUS_PWD=*** PWD=d";
        ["curl", "--cookie", "session=a", "--cookie=b", "--cookie-jar", "c"] => "curl --cookie *** --cookie=*** --cookie-jar c";
        ["tool", "--url", "org:t0ken/+="] => "tool --url org:***";
        ["tool", "--passive", "x", "--spin", "y", ""] => "tool --passive x --spin y \"\"";
        ["tool", "--pin"] => "tool --pin";
        // What nginx leaves of its arguments in a worker.
        ["nginx: worker process", "", "", ""] => "\"nginx: worker process\"";
        ["mvn", "-Dgpg.passphrase=hunter2;x:y=z", "verify"] => "mvn -Dgpg.passphrase=*** verify";
        ["gradle", "-PsigningPassword=hunter2", "-PTOKEN=1", "-Pspin:1"] => "gradle -PsigningPassword=*** -PTOKEN=*** -Pspin:***";
        ["msbuild", "/p:CertificatePassword=hunter2;Name=x"] => "msbuild /p:CertificatePassword=***;Name=x";
        ["tool", "--api-token", "a", "--apiToken", "b", "--api_pin", "c"] => "tool --api-token *** --apiToken *** --api_pin ***";
        ["tool", "--use-token", "--keypasswd", "c", "--bypass", "d"] => "tool --use-token --keypasswd *** --bypass d";
        ["tool", "pkcs11:token=SignPath;object=a", "--pin", "-1"] => "tool pkcs11:token=SignPath;object=a --pin ***";
        ["curl", "-x", "u:p@proxy:8080", "http://u:p:q@host:1/a:b@c"] => "curl -x u:***@proxy:8080 http://u:***@host:1/a:b@c";
        ["curl", "--proxy=u:p@proxy", "--proxy", "http://u:p@proxy/", "https://t@h/"]
            => "curl --proxy=u:***@proxy --proxy http://u:***@proxy/ https://***@h/";
        ["git", "https://t:@h/", "https://t:x-oauth-basic@h", "ssh://git@h/a"] => "git https://***@h/ https://***@h ssh://git@h/a";
        ["curl", "-H", "Authorization: Bearer a;b=c", "-HX-Api-Key: a b", "-v"] => "curl -H \"Authorization: ***\" -HX-Api-Key:*** -v";
        ["curl", "--header=proxy-authorization:Basic a", "-H", "private-token: a"]
            => "curl --header=proxy-authorization:*** -H \"private-token: ***\"";
        ["curl", "--header=Cookie: a=1; b=2\nAccept: c", "-v"] => "curl \"--header=Cookie: ***\nAccept: c\" -v";
        ["curl", "-u", "user:p:q", "--user=a:b", "-uuser:p", "-U", "u", "-u", "u"]
            => "curl -u user:*** --user=a:*** -uuser:*** -U u -u u";
        ["curl", "-u", "pkcs11:object=a", "-u", "http://h", "-url:http://h"] => "curl -u pkcs11:object=a -u http://h -url:http://h";
        ["tool", "--api-key", "a", "--apikey=b", "--apiKey", "c", "--key", "d"]
            => "tool --api-key *** --apikey=*** --apiKey *** --key d";
        ["tool", "--token", "a", "--token=b", "--token=-b", "--token:c"] => "tool --token *** --token=*** --token=*** --token:***";
        ["pesign", "--nss-token", "SignPath", "--nss-token=SignPath", "--token", "SignPath"]
            => "pesign --nss-token SignPath --nss-token=SignPath --token SignPath";
        ["tool", "--token-label", "SignPath", "--token-label=a", "token=SignPath;object=a"]
            => "tool --token-label SignPath --token-label=a token=SignPath;object=a";
        ["curl", "https://h/?token=a&b=c&access_token=d", "-d", "token=a&api_key=b"]
            => "curl https://h/?token=***&b=c&access_token=*** -d token=***";
        ["env", "API_KEY=a b;c", "-e", "MY_TOKEN=a", "--env=A_SECRET=b", "DB_PASSWORD=c"]
            => "env API_KEY=*** -e MY_TOKEN=*** --env=A_SECRET=*** DB_PASSWORD=***";
        ["env", "SIGN_KEY=pkcs11:object=a;pin-value=b", "KEYS=a", "key=a", "X=KEY"]
            => "env SIGN_KEY=pkcs11:object=a;pin-value=*** KEYS=a key=a X=KEY";
        ["tool", "--token", "pkcs11:token=a;object=my-secret=1", "--pin=pkcs11:object=b"]
            => "tool --token pkcs11:token=a;object=my-secret=1 --pin=pkcs11:object=b";
        ["tool", "pkcs11:object=a%2Fb?pin-source=file:/a/pin&pin-value=b", "PKCS11:token=c"]
            => "tool pkcs11:object=a%2Fb?pin-source=file:/a/pin&pin-value=*** PKCS11:token=c";
        ["nginx", "engine:pkcs11:pkcs11:object=password=a;pin-value=b;type=private"]
            => "nginx engine:pkcs11:pkcs11:object=password=a;pin-value=***;type=private";
        ["sh", "sign 'pkcs11:object=a;pin-value=b' password='c;d' {\"password\": \"e\"}"]
            => "sh \"sign 'pkcs11:object=a;pin-value=***' password='***' {\"password\": \"***\"}\"";
        ["osslsigncode", "-ts", "http://ts.example:80/", "-h", "sha256", "-n", "a:b@c"]
            => "osslsigncode -ts http://ts.example:80/ -h sha256 -n a:b@c";
        ["tool", "-p", "c3e1b8f0-5d2a-4a3c-9a51-000000000000:a/b+c=;d", "-pC3E1B8F0-5D2A-4A3C-9A51-000000000000:a"]
            => "tool -p c3e1b8f0-5d2a-4a3c-9a51-000000000000:*** -pC3E1B8F0-5D2A-4A3C-9A51-000000000000:***";
        ["sh", "a c3e1b8f0-5d2a-4a3c-9a51-000000000000:a -b 'c3e1b8f0-5d2a-4a3c-9a51-000000000000:c' d"]
            => "sh \"a c3e1b8f0-5d2a-4a3c-9a51-000000000000:*** -b 'c3e1b8f0-5d2a-4a3c-9a51-000000000000:***' d\"";
        // No PIN: nothing after the colon, no colon, an ID that is too short or not hexadecimal.
        ["c3e1b8f0-5d2a-4a3c-9a51-000000000000: a", "c3e1b8f0-5d2a-4a3c-9a51-000000000000=a", "3e1b8f0-5d2a-4a3c-9a51-000000000000:a", "g3e1b8f0-5d2a-4a3c-9a51-000000000000:a"]
            => "\"c3e1b8f0-5d2a-4a3c-9a51-000000000000: a\" c3e1b8f0-5d2a-4a3c-9a51-000000000000=a \
             3e1b8f0-5d2a-4a3c-9a51-000000000000:a g3e1b8f0-5d2a-4a3c-9a51-000000000000:a";
    } {
        assert_eq!(masked(arguments), expected);
    }
}

#[test]
fn truncates_a_long_command_line_and_states_its_length() {
    let jars = "/a/\u{e4}.jar:".repeat(3000);
    let shown = masked(&["java", "-cp", &jars, "Main", "--pin", "1"]);
    assert!(shown.starts_with("java -cp \"/a/\u{e4}.jar:/a/"), "{shown}");
    let note = format!("... (truncated, {} bytes in total)\" Main --pin ***", jars.len());
    assert!(shown.ends_with(&note), "{shown}");
    assert!(shown.len() < MAX_ARGUMENT + 100, "{}", shown.len());

    let arguments = vec!["0123456789"; 10_000];
    let shown = masked(&arguments);
    let note = format!("... (truncated, {} bytes in total)", 11 * arguments.len() - 1);
    assert!(shown.ends_with(&note), "{shown}");
    assert_eq!(shown.len(), MAX_LENGTH + note.len());

    // What fills the line to the last byte hides that there is more.
    let longest = "a".repeat(MAX_ARGUMENT);
    let full = [&longest[1..], &longest[1..], &longest[1..], &longest[..]];
    assert_eq!(masked(&full).len(), MAX_LENGTH);
    assert!(masked(&[&full[..], &["b"]].concat()).ends_with("bytes in total)"));
}

#[test]
fn truncation_leaves_no_part_of_a_secret() {
    for before in MAX_ARGUMENT - 20..MAX_ARGUMENT + 20 {
        let argument = "x".repeat(before) + ";pin-value=hunter2;t0ken/+=;y";
        let shown = masked(&["tool", &argument.repeat(2)]);
        for piece in ["hu", "t0", "n/+"] {
            assert!(!shown.contains(piece), "{shown}");
        }
    }
}

/// A command line that is 10 times as long costs no more to mask.
#[test]
fn does_not_process_arguments_beyond_the_limit() {
    let cost = |length: usize| {
        let secrets = [Secret::new("t0ken/+=".to_owned())];
        let arguments = "0123456789\0".repeat(length);
        let masker = Masker::new(&secrets);
        command_line(arguments.as_bytes(), &masker);
        masker.bytes_looked_at()
    };
    assert_eq!(cost(1000), cost(10_000));
    assert!(cost(1000) < 2 * MAX_LENGTH);
}
