import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;

import static java.nio.file.StandardOpenOption.CREATE;
import static java.nio.file.StandardOpenOption.WRITE;

/**
 * A game that is told on stdin what to do, a line each, and answers each line with "did" and
 * the line. It locks a world as Minecraft does.
 */
class Game {
    private static final Map<String, FileLock> worlds = new HashMap<>();

    public static void main(String[] arguments) throws IOException {
        BufferedReader script = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = script.readLine(); line != null; line = script.readLine()) {
            String[] words = line.split(" ", 3);
            switch (words[0]) {
                case "open":
                    open(words[1]);
                    break;
                case "close":
                    worlds.remove(words[1]).acquiredBy().close();
                    break;
                case "write":
                    Files.writeString(Path.of(words[1]), words[2]);
                    break;
                case "crash":
                    Runtime.getRuntime().halt(Integer.parseInt(words[1]));
                    break;
                default:
                    throw new IOException("what is " + line + "?");
            }
            System.out.println("did " + line);
        }
    }

    private static void open(String world) throws IOException {
        FileChannel channel = FileChannel.open(Path.of(world, "session.lock"), CREATE, WRITE);
        channel.write(ByteBuffer.wrap("\u2603".getBytes(StandardCharsets.UTF_8)));
        channel.force(true);
        FileLock lock = channel.tryLock();
        if (lock == null) {
            throw new IOException("already locked (possibly by other Minecraft instance?)");
        }
        worlds.put(world, lock);
    }
}
