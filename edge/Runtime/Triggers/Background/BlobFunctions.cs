using System.Collections.Immutable;
using System.Text.Json;
using System.Text.RegularExpressions;
using Microsoft.Azure.Functions.Worker;
using Skylight.Core.Uploads;
using Skylight.Local.Queues;

namespace Skylight.Edge.Runtime.Triggers.Background;

/// <summary>
/// Blob functions with the Event Grid source: they get the blob-created events whose blob matches the path pattern. A blob that is gone when
/// its turn comes is passed over, as with the genuine trigger.
/// </summary>
internal static partial class BlobFunctions
{
    private const int MaxAttempts = 5;
    private const string BlobCreated = "Microsoft.Storage.BlobCreated";

    public static void Add(FunctionEntry function, BackgroundTriggers triggers, EventSubscriptions subscriptions, IIngress ingress, List<string> errors)
    {
        var trigger = (BlobTriggerAttribute)function.Trigger;
        if (trigger.Source != BlobTriggerSource.EventGrid)
        {
            errors.Add($"Function '{function.Name}': a blob trigger needs Source = BlobTriggerSource.EventGrid; nothing scans containers here.");
            return;
        }

        var pattern = Pattern(trigger.BlobPath);
        var names = pattern.GetGroupNames().Where(n => !char.IsAsciiDigit(n[0])).ToArray();
        var type = function.TriggerParameter.ParameterType;
        var convert = type == typeof(Stream) ? null : Payload.To(type);
        var arguments = Arguments.Bind(function, convert is null && type != typeof(Stream) ? null : TriggerValue.Get, [.. names, "BlobTrigger"], errors);
        var queue = EventFunctions.QueueOf(function);
        subscriptions.Add(new EventSubscription(queue, e => PathOf(e.Type, e.Subject) is { } path && pattern.IsMatch(path)));
        triggers.Consume(
            new ConsumerSettings(queue, function.Name, 16, MaxAttempts, EventFunctions.Delay, TimeSpan.FromSeconds(1)),
            async (message, cancellation) =>
            {
                var path = PathOf(message.Body);
                var match = pattern.Match(path);
                var slash = path.IndexOf('/', StringComparison.Ordinal);
                Stream content;
                try
                {
                    content = await ingress.OpenAsync(path[..slash], path[(slash + 1)..], null, cancellation);
                }
                catch (UploadChangedException)
                {
                    return;
                }

                await using var closing = content;
                object? item = content;
                if (convert is not null)
                {
                    using var buffer = new MemoryStream();
                    await content.CopyToAsync(buffer, cancellation);
                    item = convert(buffer.ToArray());
                }

                var data = ImmutableDictionary.Create<string, object?>(StringComparer.OrdinalIgnoreCase).Add("BlobTrigger", path).Add(TriggerValue.Key, item);
                foreach (var name in names) data = data.Add(name, match.Groups[name].Value);
                await triggers.RunFunctionAsync(function, arguments, data, message.DequeueCount, MaxAttempts, cancellation);
            });
    }

    /// <summary><c>container/{name}.{extension}</c>: a name stands for any characters, slashes too (in the container, which has none, for the rest of it). A container alone means every blob in it.</summary>
    internal static Regex Pattern(string path)
    {
        var container = path.IndexOf('/', StringComparison.Ordinal) is var slash && slash < 0 ? path.Length : slash;
        var text = new System.Text.StringBuilder("^");
        var at = 0;
        foreach (Match name in Names().Matches(path))
        {
            text.Append(Regex.Escape(path[at..name.Index])).Append("(?<").Append(name.Groups[1].Value).Append(name.Index < container ? ">[^/]+)" : ">.+)");
            at = name.Index + name.Length;
        }

        text.Append(Regex.Escape(path[at..]));
        if (!path.Contains('/', StringComparison.Ordinal)) text.Append("/.+");
        return new Regex(text.Append('$').ToString(), RegexOptions.CultureInvariant | RegexOptions.Singleline | RegexOptions.NonBacktracking);
    }

    private static string? PathOf(string type, string? subject)
    {
        if (!type.Equals(BlobCreated, StringComparison.OrdinalIgnoreCase) || subject is null) return null;
        var match = Subject().Match(subject);
        return match.Success ? $"{match.Groups[1].Value}/{match.Groups[2].Value}" : null;
    }

    private static string PathOf(ReadOnlyMemory<byte> body)
    {
        using var envelope = JsonDocument.Parse(body);
        return PathOf(BlobCreated, envelope.RootElement.GetProperty("subject").GetString())!;
    }

    [GeneratedRegex("^/blobServices/default/containers/([^/]+)/blobs/(.+)$", RegexOptions.Singleline)]
    private static partial Regex Subject();

    [GeneratedRegex("\\{([A-Za-z_][A-Za-z0-9_]*)\\}")]
    private static partial Regex Names();
}
