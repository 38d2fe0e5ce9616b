using System.Text;
using System.Text.Json;
using Microsoft.Extensions.Logging;
using Skylight.Edge.Hosting.Logging;

namespace Skylight.Edge.Tests.Hosting;

public sealed class LineLogsTests
{
    [Fact]
    public async Task Entries_OfManyThreads_AreWholeLines_AllThereOnceItIsDisposed()
    {
        using var output = new MemoryStream();
        using (var logs = new LineLogs(new JsonLines(new LogPrivacy(false), TimeProvider.System), output))
        {
            var logger = logs.CreateLogger("source");
            await Task.WhenAll(Enumerable.Range(0, 4).Select(thread => Task.Run(() =>
            {
                for (var i = 0; i < 500; i++) Write(logger, LogLevel.Information, $"{thread}/{i}");
            })));
        }

        var messages = Lines(output).Select(line => line.GetProperty("message").GetString()!).ToArray();
        Assert.Equal(2000, messages.Length);
        for (var thread = 0; thread < 4; thread++)
            Assert.Equal(Enumerable.Range(0, 500).Select(i => $"{thread}/{i}"), messages.Where(message => message.StartsWith($"{thread}/", StringComparison.Ordinal)));
    }

    [Fact]
    public void Exception_IsWrittenWithoutItsMessage()
    {
        using var output = new MemoryStream();
        using (var logs = new LineLogs(new JsonLines(new LogPrivacy(false), TimeProvider.System), output))
            Write(logs.CreateLogger("source"), LogLevel.Error, "failed", new InvalidOperationException("SECRET"));
        var line = Assert.Single(Lines(output));
        Assert.Equal("error", line.GetProperty("level").GetString());
        Assert.Equal("System.InvalidOperationException", line.GetProperty("exception")[0].GetProperty("type").GetString());
        Assert.DoesNotContain("SECRET", line.GetRawText(), StringComparison.Ordinal);
    }

    private static void Write(ILogger logger, LogLevel level, string message, Exception? error = null) =>
        logger.Log(level, default, message, error, static (state, _) => state);

    private static List<JsonElement> Lines(MemoryStream output) =>
        [.. Encoding.UTF8.GetString(output.ToArray()).Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonSerializer.Deserialize<JsonElement>(line))];
}
