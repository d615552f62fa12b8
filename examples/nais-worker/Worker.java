import java.net.InetAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A worker that uses the endpoint as it used the NAIS sidecar: {@code java Worker.java}. ELECTOR_GET_URL comes from
 * {@code exportEnv: true}, or from the Deployment: http://localhost:4040/. In a Pod, HOSTNAME is the name of the Pod.
 *
 * No answer means "do not work". A worker that treats an IOException as leadership runs beside the leader.
 */
public class Worker {
    private static final Pattern NAME = Pattern.compile("\"name\"\\s*:\\s*\"([^\"]*)\"");
    private static final Duration PATIENCE = Duration.ofSeconds(2);

    public static void main(String[] arguments) throws Exception {
        HttpClient client = HttpClient.newBuilder().connectTimeout(PATIENCE).build();
        URI url = URI.create(System.getenv("ELECTOR_GET_URL"));
        String hostname = System.getenv("HOSTNAME");
        String self = hostname == null ? InetAddress.getLocalHost().getHostName() : hostname;
        while (true) {
            try {
                if (self.equals(leader(client, url))) work();
                else System.out.println("waiting");
            } catch (Exception failure) {
                System.out.println("waiting");
                System.err.println(failure);
            }
            Thread.sleep(1_000);
        }
    }

    /** The name of the Pod that leads, or null. */
    private static String leader(HttpClient client, URI url) throws Exception {
        HttpRequest request = HttpRequest.newBuilder(url).timeout(PATIENCE).build();
        HttpResponse<String> answer = client.send(request, HttpResponse.BodyHandlers.ofString());
        Matcher matcher = NAME.matcher(answer.body());
        return answer.statusCode() == 200 && matcher.find() ? matcher.group(1) : null;
    }

    private static void work() {
        System.out.println("working");
    }
}
