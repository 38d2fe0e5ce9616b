using System.Globalization;
using System.Text.Json;

namespace Skylight.Edge.Runtime.Triggers;

/// <summary>What the edge takes from host.json, the file that the Functions host reads: the same settings mean the same in both.</summary>
public sealed record HostSettings
{
    /// <summary>Before every HTTP route; Functions' own default is <c>api</c>.</summary>
    public string RoutePrefix { get; init; } = "api";

    /// <summary>HTTP invocations that run at once; more wait, up to <see cref="MaxOutstandingRequests"/>, beyond which the answer is 429. Null: no limit.</summary>
    public int? MaxConcurrentRequests { get; init; }

    public int? MaxOutstandingRequests { get; init; }

    /// <summary>How long an invocation may take before its token is cancelled. Null: no limit.</summary>
    public TimeSpan? FunctionTimeout { get; init; }

    /// <summary>How long a message stays hidden after its function has failed.</summary>
    public TimeSpan QueueVisibilityTimeout { get; init; } = TimeSpan.Zero;

    public int QueueMaxDequeueCount { get; init; } = 5;

    public int QueueBatchSize { get; init; } = 16;

    public TimeSpan QueueMaxPollingInterval { get; init; } = TimeSpan.FromMinutes(1);

    /// <exception cref="StartupException">The file is not JSON, or a value is of the wrong kind; names every one.</exception>
    public static HostSettings Read(string path)
    {
        if (!File.Exists(path)) throw new StartupException([$"{path} is missing."]);
        try
        {
            using var document = JsonDocument.Parse(File.ReadAllBytes(path), new() { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true });
            var reader = new Reader(document.RootElement);
            var defaults = new HostSettings();
            var settings = new HostSettings
            {
                RoutePrefix = reader.Text("extensions.http.routePrefix") ?? defaults.RoutePrefix,
                MaxConcurrentRequests = reader.Count("extensions.http.maxConcurrentRequests"),
                MaxOutstandingRequests = reader.Count("extensions.http.maxOutstandingRequests"),
                FunctionTimeout = reader.Span("functionTimeout"),
                QueueVisibilityTimeout = reader.Span("extensions.queues.visibilityTimeout") ?? defaults.QueueVisibilityTimeout,
                QueueMaxDequeueCount = reader.Count("extensions.queues.maxDequeueCount") ?? defaults.QueueMaxDequeueCount,
                QueueBatchSize = Math.Clamp(reader.Count("extensions.queues.batchSize") ?? defaults.QueueBatchSize, 1, 32),
                QueueMaxPollingInterval = reader.Span("extensions.queues.maxPollingInterval") ?? defaults.QueueMaxPollingInterval,
            };
            if (reader.Errors.Count > 0) throw new StartupException(reader.Errors);
            return settings;
        }
        catch (JsonException error)
        {
            throw new StartupException([string.Create(CultureInfo.InvariantCulture, $"host.json is not JSON (line {error.LineNumber + 1}).")]);
        }
    }

    private sealed class Reader(JsonElement root)
    {
        public List<string> Errors { get; } = [];

        public string? Text(string path) => Find(path) is { ValueKind: JsonValueKind.String } value ? value.GetString() : Wrong(path, "a string");

        /// <summary>-1, as in Functions, means no limit.</summary>
        public int? Count(string path)
        {
            if (Find(path) is { ValueKind: JsonValueKind.Number } value && value.TryGetInt32(out var number) && number is -1 or > 0) return number == -1 ? null : number;
            Wrong(path, "a whole number above 0, or -1");
            return null;
        }

        public TimeSpan? Span(string path)
        {
            if (Find(path) is not { } value) return null;
            if (value.ValueKind == JsonValueKind.String && value.ValueEquals("-1")) return null;
            if (value.ValueKind == JsonValueKind.String && TimeSpan.TryParse(value.GetString(), CultureInfo.InvariantCulture, out var span) && span >= TimeSpan.Zero) return span;
            Wrong(path, "a time span such as 00:10:00");
            return null;
        }

        private string? Wrong(string path, string expected)
        {
            if (Find(path) is not null) Errors.Add($"host.json: {path} must be {expected}.");
            return null;
        }

        private JsonElement? Find(string path)
        {
            var element = root;
            foreach (var name in path.Split('.'))
            {
                if (element.ValueKind != JsonValueKind.Object || !element.TryGetProperty(name, out element)) return null;
            }

            return element;
        }
    }
}
