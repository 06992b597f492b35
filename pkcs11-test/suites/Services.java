import java.math.BigInteger;
import java.security.AlgorithmParameters;
import java.security.Key;
import java.security.KeyFactory;
import java.security.KeyPairGenerator;
import java.security.KeyStore;
import java.security.MessageDigest;
import java.security.PrivateKey;
import java.security.Provider;
import java.security.PublicKey;
import java.security.SecureRandom;
import java.security.Security;
import java.security.Signature;
import java.security.interfaces.ECPublicKey;
import java.security.interfaces.RSAPublicKey;
import java.security.spec.AlgorithmParameterSpec;
import java.security.spec.ECPublicKeySpec;
import java.security.spec.MGF1ParameterSpec;
import java.security.spec.PSSParameterSpec;
import java.security.spec.RSAPublicKeySpec;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import javax.crypto.Cipher;

/**
 * Uses every service that SunPKCS11 has for the module: Services CONFIGURATION. Another provider checks each result. Prints a line
 * "passed TYPE ALGORITHM: what" or "failed TYPE ALGORITHM: why" for each.
 */
class Services {
    static final byte[] DATA = "what is signed".getBytes();
    static KeyStore store;

    public static void main(String[] arguments) throws Exception {
        Provider provider = Security.getProvider("SunPKCS11").configure(arguments[0]);
        store = KeyStore.getInstance("PKCS11", provider);
        store.load(null, "CONFIG".toCharArray());
        List<Provider.Service> services = new ArrayList<>(provider.getServices());
        services.sort((one, other) -> name(one).compareTo(name(other)));
        for (Provider.Service service : services) {
            String line;
            try {
                line = "passed " + name(service) + ": " + use(provider, service.getType(), service.getAlgorithm());
            } catch (Throwable error) {
                Throwable cause = error.getCause() != null ? error.getCause() : error;
                line = "failed " + name(service) + ": " + cause.getClass().getSimpleName() + ": " + cause.getMessage();
            }
            System.out.println(line.replace('\n', ' '));
        }
    }

    static String name(Provider.Service service) {
        return service.getType() + " " + service.getAlgorithm();
    }

    /** Uses a service; tells what was done. */
    static String use(Provider provider, String type, String algorithm) throws Exception {
        switch (type) {
            case "KeyStore":
                return store.size() + " entries";
            case "MessageDigest":
                return digest(provider, algorithm);
            case "Signature":
                return sign(provider, algorithm);
            case "SecureRandom":
                byte[] random = new byte[64];
                SecureRandom.getInstance(algorithm, provider).nextBytes(random);
                require(!Arrays.equals(random, new byte[64]), "only zeros");
                return "64 bytes";
            case "KeyFactory":
                return importKey(provider, algorithm);
            case "KeyPairGenerator":
                KeyPairGenerator.getInstance(algorithm, provider).generateKeyPair();
                return "a pair";
            case "AlgorithmParameters":
                AlgorithmParameters.getInstance(algorithm, provider);
                return "an instance";
            case "Cipher":
                Cipher.getInstance(algorithm, provider).init(Cipher.ENCRYPT_MODE, publicKey("RSA"));
                return "initialized";
            default:
                throw new IllegalStateException("this program does not know the type");
        }
    }

    static String digest(Provider provider, String algorithm) throws Exception {
        MessageDigest ours = MessageDigest.getInstance(algorithm, provider);
        byte[] expected = MessageDigest.getInstance(algorithm, "SUN").digest(DATA);
        require(Arrays.equals(expected, ours.digest(DATA)), "another digest in one part");
        for (byte part : DATA) {
            ours.update(part);
        }
        MessageDigest copy = null;
        try {
            copy = (MessageDigest) ours.clone();
        } catch (CloneNotSupportedException expectedToo) {
            // C_GetOperationState need not be there.
        }
        require(Arrays.equals(expected, ours.digest()), "another digest in several parts");
        require(copy == null || Arrays.equals(expected, copy.digest()), "another digest of the copy");
        return "the same as SUN's" + (copy == null ? "" : ", and cloned");
    }

    /** Signs with each key that fits; a provider of the platform verifies, and this one too. */
    static String sign(Provider provider, String algorithm) throws Exception {
        String keys = algorithm.contains("ECDSA") ? "EC" : "RSA";
        int signed = 0;
        for (String alias : List.of("demo/rsa-2048", "demo/rsa-4096", "demo/p-256", "demo/p-384", "demo/p-521")) {
            PrivateKey key = (PrivateKey) store.getKey(alias, null);
            if (!key.getAlgorithm().equals(keys)) {
                continue;
            }
            PublicKey publicKey = store.getCertificate(alias).getPublicKey();
            byte[] data = algorithm.startsWith("NONE") || algorithm.startsWith("Raw") ? new byte[32] : DATA;
            Signature signature = Signature.getInstance(algorithm, provider);
            AlgorithmParameterSpec parameters = parameters(algorithm);
            signature.initSign(key);
            if (parameters != null) {
                signature.setParameter(parameters);
            }
            signature.update(data);
            byte[] value = signature.sign();
            for (Provider verifying : new Provider[] {Security.getProvider(keys.equals("EC") ? "SunEC" : "SunRsaSign"), provider}) {
                // The platform has one name for all hashes with PSS.
                boolean isPss = algorithm.contains("PSS") && verifying != provider;
                Signature verifier = Signature.getInstance(isPss ? "RSASSA-PSS" : algorithm, verifying);
                verifier.initVerify(publicKey);
                if (parameters != null) {
                    verifier.setParameter(parameters);
                }
                verifier.update(data);
                require(verifier.verify(value), verifying.getName() + " does not verify the signature by " + alias);
            }
            signed++;
        }
        return "verified with " + signed + " keys";
    }

    static AlgorithmParameterSpec parameters(String algorithm) {
        if (!algorithm.contains("PSS")) {
            return null;
        }
        String hash = algorithm.startsWith("RSASSA") ? "SHA-256" : algorithm.substring(0, algorithm.indexOf("with"));
        hash = hash.replaceFirst("^SHA(\\d)", "SHA-$1");
        int length = hash.equals("SHA-1") ? 20 : Integer.parseInt(hash.substring(4)) / 8;
        return new PSSParameterSpec(hash, "MGF1", new MGF1ParameterSpec(hash), length, 1);
    }

    static String importKey(Provider provider, String algorithm) throws Exception {
        KeyFactory factory = KeyFactory.getInstance(algorithm, provider);
        PublicKey key = publicKey(algorithm);
        Key imported = key instanceof RSAPublicKey
            ? factory.generatePublic(new RSAPublicKeySpec(((RSAPublicKey) key).getModulus(), BigInteger.valueOf(65537)))
            : factory.generatePublic(new ECPublicKeySpec(((ECPublicKey) key).getW(), ((ECPublicKey) key).getParams()));
        require(Arrays.equals(imported.getEncoded(), key.getEncoded()), "another key");
        return "imported a public key";
    }

    static PublicKey publicKey(String algorithm) throws Exception {
        return store.getCertificate(algorithm.startsWith("RSA") ? "demo/rsa-2048" : "demo/p-256").getPublicKey();
    }

    static void require(boolean holds, String what) {
        if (!holds) {
            throw new IllegalStateException(what);
        }
    }
}
