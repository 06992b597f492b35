import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.Provider;
import java.security.Security;
import java.security.Signature;

/** An application in Java that ends in one way or another while its threads use the module: Exits CONFIGURATION WAY. */
class Exits {
    static KeyStore store;
    static Provider provider;

    static void sign() throws Exception {
        PrivateKey key = (PrivateKey) store.getKey("demo/p-256", null);
        Signature signature = Signature.getInstance("SHA256withECDSA", provider);
        signature.initSign(key);
        signature.update(new byte[100]);
        byte[] value = signature.sign();
        // The provider of the platform verifies.
        Signature verifier = Signature.getInstance("SHA256withECDSA", "SunEC");
        verifier.initVerify(store.getCertificate("demo/p-256"));
        verifier.update(new byte[100]);
        if (!verifier.verify(value)) {
            Runtime.getRuntime().halt(98);
        }
    }

    public static void main(String[] arguments) throws Exception {
        provider = Security.getProvider("SunPKCS11").configure(arguments[0]);
        store = KeyStore.getInstance("PKCS11", provider);
        store.load(null, "CONFIG".toCharArray());
        sign();
        for (int number = 0; number < 4; number++) {
            Thread thread = new Thread(() -> {
                try {
                    while (true) {
                        sign();
                    }
                } catch (Exception error) {
                    error.printStackTrace();
                    Runtime.getRuntime().halt(97);
                }
            });
            thread.setDaemon(true);
            thread.start();
        }
        Thread.sleep(50);
        switch (arguments[1]) {
            case "exit":
                System.exit(7);
            case "halt":
                Runtime.getRuntime().halt(7);
            case "SIGTERM":
                new ProcessBuilder("kill", "-TERM", Long.toString(ProcessHandle.current().pid())).start();
                Thread.sleep(5000);
            default:
                // The daemons end with the last other thread.
        }
    }
}
