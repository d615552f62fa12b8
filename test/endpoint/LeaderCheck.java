import java.io.InputStream;
import java.net.InetAddress;
import java.net.URI;
import java.net.URL;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Whether this Pod leads, as Java applications of NAIS ask: ELECTOR_PATH has no scheme, and the name is compared with
 * the hostname. Asks by both clients that the JDK has; the newer one offers HTTP/2 first.
 */
public class LeaderCheck {
    private static final Pattern NAME = Pattern.compile("\"name\"\\s*:\\s*\"([^\"]*)\"");

    public static void main(String[] arguments) throws Exception {
        String url = "http://" + System.getenv("ELECTOR_PATH");
        String hostname = InetAddress.getLocalHost().getHostName();

        // Many write `catch (IOException e) { return true; }` here: "there is no elector, so I am alone". To such a
        // program every moment in which nobody listens makes a leader, which is why the endpoint listens first of all
        // and answers until the elector is stopped.
        String old;
        try (InputStream answer = new URL(url).openStream()) {
            old = new String(answer.readAllBytes(), StandardCharsets.UTF_8);
        }
        HttpRequest request = HttpRequest.newBuilder(URI.create(url)).build();
        String current = HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.ofString()).body();

        System.out.println(old);
        System.out.println(current);
        System.out.println("leader: " + (hostname.equals(nameIn(old)) && hostname.equals(nameIn(current))));
    }

    private static String nameIn(String json) {
        Matcher matcher = NAME.matcher(json);
        return matcher.find() ? matcher.group(1) : null;
    }
}
