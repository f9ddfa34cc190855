package example;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Scanner;

/** A handler of streams, as AWS's SDK for custom connectors is one. */
public class Shop {
    /** As much of AWS's interface as is used here. */
    public interface Context {
        int getRemainingTimeInMillis();

        Logger getLogger();
    }

    public interface Logger {
        void log(String message);
    }

    private int count;

    public void handleRequest(InputStream in, OutputStream out, Context context) throws IOException {
        String event = new String(in.readAllBytes(), StandardCharsets.UTF_8);
        count++;
        if (event.contains("\"raise\"")) {
            throw new IllegalStateException("no \"such\"\nthing");
        }
        if (event.contains("\"exit\"")) {
            System.exit(3);
        }
        System.out.println("printed " + event);
        context.getLogger().log("logged " + (context.getRemainingTimeInMillis() > 0) + new Scanner(System.in).hasNext());
        out.write(("{\n  \"count\": " + count + ",\n  \"event\": " + event + "\n}\n").getBytes(StandardCharsets.UTF_8));
    }

    public void other(InputStream in, OutputStream out) throws IOException {
        out.write("\"other\"".getBytes(StandardCharsets.UTF_8));
    }
}
