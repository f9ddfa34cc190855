import java.io.BufferedOutputStream;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.util.UUID;
import javax.net.ssl.TrustManager;
import javax.net.ssl.TrustManagerFactory;
import javax.net.ssl.X509TrustManager;

/**
 * Runs the handler of a Lambda function: a JSON event a line on standard input, a JSON answer a line on standard output.
 *
 * What the handler prints goes to standard error. It is called with one event at a time, in one process for many events, as
 * AWS does it. Nothing here needs AWS's classes: where the handler's class path has them, they are found by name.
 *
 * Arguments: the handler's class, its method ("" for handleRequest), the address of the secret server for version 1 of AWS's
 * SDK, which has no setting for it ("" for none), and a file with the certificate that the server shows.
 */
final class Shim {
    private static final int TIME = 900_000; // milliseconds: as long as AWS lets a function run

    private final Object handler;
    private final Method method;

    private Shim(Object handler, Method method) {
        this.handler = handler;
        this.method = method;
    }

    public static void main(String[] args) throws Exception {
        InputStream events = System.in;
        OutputStream answers = new BufferedOutputStream(new FileOutputStream(FileDescriptor.out));
        System.setIn(new ByteArrayInputStream(new byte[0]));
        System.setOut(new PrintStream(new FileOutputStream(FileDescriptor.err), true, "UTF-8"));
        Shim shim;
        try {
            leadToSecrets(args[2], args[3]);
            shim = load(args[0], args[1]);
        } catch (Throwable error) {
            Throwable cause = causeOf(error);
            cause.printStackTrace();
            answer(answers, failure(cause).getBytes(StandardCharsets.UTF_8));
            System.exit(1);
            return;
        }
        answer(answers, "{}".getBytes(StandardCharsets.UTF_8));
        for (byte[] event = line(events); event != null; event = line(events)) {
            byte[] document;
            try {
                document = shim.call(event);
            } catch (Throwable error) {
                document = failure(causeOf(error)).getBytes(StandardCharsets.UTF_8);
            }
            answer(answers, document);
        }
        System.exit(0); // threads of the handler's would keep the process
    }

    private static byte[] line(InputStream in) throws Exception {
        ByteArrayOutputStream line = new ByteArrayOutputStream();
        for (int b = in.read(); ; b = in.read()) {
            if (b < 0) {
                return null;
            }
            if (b == '\n') {
                return line.toByteArray();
            }
            line.write(b);
        }
    }

    /** A line break in a JSON document is always one between tokens. */
    private static void answer(OutputStream answers, byte[] document) throws Exception {
        for (int i = 0; i < document.length; i++) {
            if (document[i] == '\n' || document[i] == '\r') {
                document[i] = ' ';
            }
        }
        answers.write(document);
        answers.write('\n');
        answers.flush();
    }

    private static Shim load(String name, String method) throws Exception {
        Class<?> type = Class.forName(name, true, ClassLoader.getSystemClassLoader());
        Thread.currentThread().setContextClassLoader(ClassLoader.getSystemClassLoader());
        Method found = find(type, method.isEmpty() ? "handleRequest" : method);
        var make = type.getDeclaredConstructor();
        make.setAccessible(true);
        found.setAccessible(true);
        return new Shim(make.newInstance(), found);
    }

    /** Streams are preferred, as Lambda does; of the rest, the one that a compiler has not made for a generic interface. */
    private static Method find(Class<?> type, String name) throws NoSuchMethodException {
        Method other = null;
        for (Method m : type.getMethods()) {
            Class<?>[] takes = m.getParameterTypes();
            if (!m.getName().equals(name) || m.isBridge()) {
                continue;
            }
            if (takes.length >= 2 && takes[0] == InputStream.class && takes[1] == OutputStream.class) {
                return m;
            }
            if (takes.length == 1 || takes.length == 2 && takes[1].getSimpleName().equals("Context")) {
                other = m;
            }
        }
        if (other == null) {
            throw new NoSuchMethodException(type.getName() + " has no method " + name + " that takes an event");
        }
        return other;
    }

    private byte[] call(byte[] event) throws Exception {
        Class<?>[] takes = method.getParameterTypes();
        if (takes[0] == InputStream.class) {
            ByteArrayOutputStream out = new ByteArrayOutputStream();
            InputStream in = new ByteArrayInputStream(event);
            method.invoke(handler, takes.length == 2 ? new Object[] {in, out} : new Object[] {in, out, context(takes[2])});
            return out.size() == 0 ? "null".getBytes(StandardCharsets.UTF_8) : out.toByteArray();
        }
        Object mapper;
        try {
            mapper = Class.forName("com.fasterxml.jackson.databind.ObjectMapper", true, ClassLoader.getSystemClassLoader()).getDeclaredConstructor().newInstance();
        } catch (ClassNotFoundException e) {
            throw new IllegalStateException("a handler that takes objects needs jackson-databind in its class path; one that takes streams does not");
        }
        Object given = mapper.getClass().getMethod("readValue", byte[].class, Class.class).invoke(mapper, event, takes[0]);
        Object said = method.invoke(handler, takes.length == 1 ? new Object[] {given} : new Object[] {given, context(takes[1])});
        return (byte[]) mapper.getClass().getMethod("writeValueAsBytes", Object.class).invoke(mapper, said);
    }

    /** The Context of AWS's interface, in whichever version the handler has it. */
    private static Object context(Class<?> type) {
        String id = UUID.randomUUID().toString();
        long end = System.nanoTime() / 1_000_000 + TIME;
        return Proxy.newProxyInstance(type.getClassLoader(), new Class<?>[] {type}, (self, called, args) -> {
            switch (called.getName()) {
                case "getAwsRequestId":
                    return id;
                case "getFunctionVersion":
                    return "$LATEST";
                case "getInvokedFunctionArn":
                    return "arn:aws:lambda:us-east-1:000000000000:function:local";
                case "getRemainingTimeInMillis":
                    return (int) Math.max(0, end - System.nanoTime() / 1_000_000);
                case "getMemoryLimitInMB":
                    return (int) (Runtime.getRuntime().maxMemory() >> 20);
                case "getLogger":
                    return logger(called.getReturnType());
                default:
                    return called.getReturnType() == String.class ? "local" : null;
            }
        });
    }

    private static Object logger(Class<?> type) {
        return Proxy.newProxyInstance(type.getClassLoader(), new Class<?>[] {type}, (self, called, args) -> {
            if (called.getName().equals("log") && args != null) {
                System.err.println(args[0] instanceof byte[] ? new String((byte[]) args[0], StandardCharsets.UTF_8) : args[0]);
            }
            return null;
        });
    }

    /**
     * Version 1 of AWS's SDK for Java has no setting for the address of a service, but one for a table of regions, which may
     * name a host for each service. It speaks HTTPS to it, so that the certificate has to be trusted besides the usual ones.
     */
    private static void leadToSecrets(String address, String certificate) throws Exception {
        Class<?> regions;
        try {
            regions = Class.forName("com.amazonaws.regions.Regions", true, ClassLoader.getSystemClassLoader());
        } catch (ClassNotFoundException e) {
            return; // there is no such SDK here
        }
        if (address.isEmpty()) {
            return;
        }
        StringBuilder table = new StringBuilder("<XML><Regions>");
        for (Object region : regions.getEnumConstants()) {
            String name = (String) regions.getMethod("getName").invoke(region);
            table.append("<Region><Name>").append(name).append("</Name><Domain>").append(name.startsWith("cn-") ? "amazonaws.com.cn" : "amazonaws.com")
                .append("</Domain><Endpoint><ServiceName>secretsmanager</ServiceName><Http>false</Http><Https>true</Https><Hostname>").append(address)
                .append("</Hostname></Endpoint></Region>");
        }
        Path dir = Path.of(certificate).getParent();
        Path file = Files.createTempFile(dir, "regions", ".xml");
        Files.writeString(file, table.append("</Regions></XML>"));
        System.setProperty("com.amazonaws.regions.RegionUtils.fileOverride", file.toString());
        trust(dir, certificate);
    }

    private static void trust(Path dir, String certificate) throws Exception {
        KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
        store.load(null, null);
        TrustManagerFactory usual = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        usual.init((KeyStore) null);
        int n = 0;
        for (TrustManager manager : usual.getTrustManagers()) {
            if (manager instanceof X509TrustManager) {
                for (X509Certificate known : ((X509TrustManager) manager).getAcceptedIssuers()) {
                    store.setCertificateEntry("known" + n++, known);
                }
            }
        }
        try (InputStream in = Files.newInputStream(Path.of(certificate))) {
            store.setCertificateEntry("weir", CertificateFactory.getInstance("X.509").generateCertificate(in));
        }
        Path file = Files.createTempFile(dir, "trust", ".store");
        try (OutputStream out = Files.newOutputStream(file)) {
            store.store(out, "public".toCharArray());
        }
        System.setProperty("javax.net.ssl.trustStore", file.toString());
        System.setProperty("javax.net.ssl.trustStorePassword", "public"); // of certificates, which are no secret
    }

    private static Throwable causeOf(Throwable error) {
        return error instanceof InvocationTargetException && error.getCause() != null ? error.getCause() : error;
    }

    private static String failure(Throwable error) {
        StringBuilder trace = new StringBuilder();
        StackTraceElement[] frames = error.getStackTrace();
        for (int i = 0; i < Math.min(frames.length, 20); i++) {
            trace.append(i > 0 ? "," : "").append(quoted(frames[i].toString()));
        }
        return "{\"errorMessage\":" + quoted(String.valueOf(error.getMessage())) + ",\"errorType\":" + quoted(error.getClass().getName())
            + ",\"stackTrace\":[" + trace + "]}";
    }

    private static String quoted(String text) {
        StringBuilder out = new StringBuilder("\"");
        for (char c : text.toCharArray()) {
            if (c == '"' || c == '\\') {
                out.append('\\').append(c);
            } else if (c < ' ' || Character.isSurrogate(c)) {
                out.append(String.format("\\u%04x", (int) c));
            } else {
                out.append(c);
            }
        }
        return out.append('"').toString();
    }
}
