using System.Text.Json;
using Microsoft.DurableTask;

namespace Skylight.Edge.Runtime.Durable;

/// <summary>Failures as they cross from activity to orchestration, child to parent and instance to client.</summary>
internal static class Failures
{
    /// <summary>As the genuine worker names them; no retry policy applies to these two.</summary>
    public const string ActivityNotFound = "ActivityTaskNotFound";
    public const string OrchestratorNotFound = "OrchestratorTaskNotFound";

    private const int MaxText = 8 * 1024;
    private const int MaxDepth = 8;

    public static TaskFailureDetails From(Exception error) => From(error, 0)!;

    public static TaskFailureDetails Missing(string type, string what, string name) => new(type, $"No {what} task named '{name}' was found.", null, null, null);

    public static TaskFailureDetails Terminated(string name) => new("Terminated", $"Orchestration '{name}' was terminated.", null, null, null);

    public static bool IsRetriable(TaskFailureDetails failure) => failure.ErrorType is not (ActivityNotFound or OrchestratorNotFound);

    public static string Write(TaskFailureDetails failure)
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream)) Write(json, failure);
        return System.Text.Encoding.UTF8.GetString(stream.GetBuffer(), 0, (int)stream.Length);
    }

    public static TaskFailureDetails Read(string? json)
    {
        if (json is null) return new TaskFailureDetails("(unknown)", "(unknown)", null, null, null);
        using var document = JsonDocument.Parse(json);
        return Read(document.RootElement);
    }

    private static TaskFailureDetails? From(Exception? error, int depth)
    {
        if (error is null || depth == MaxDepth) return null;
        // A failed task's own failure is the inner one, as with the genuine worker.
        var inner = error is TaskFailedException failed ? failed.FailureDetails : From(error.InnerException, depth + 1);
        return new TaskFailureDetails(error.GetType().ToString(), Cut(error.Message)!, Cut(error.StackTrace), inner, null);
    }

    private static string? Cut(string? text) => text is { Length: > MaxText } ? text[..MaxText] : text;

    private static void Write(Utf8JsonWriter json, TaskFailureDetails failure)
    {
        json.WriteStartObject();
        json.WriteString("type", failure.ErrorType);
        json.WriteString("message", failure.ErrorMessage);
        if (failure.StackTrace is not null) json.WriteString("stack", failure.StackTrace);
        if (failure.InnerFailure is not null)
        {
            json.WritePropertyName("inner");
            Write(json, failure.InnerFailure);
        }

        json.WriteEndObject();
    }

    private static TaskFailureDetails Read(JsonElement json) => new(
        json.GetProperty("type").GetString()!,
        json.GetProperty("message").GetString()!,
        json.TryGetProperty("stack", out var stack) ? stack.GetString() : null,
        json.TryGetProperty("inner", out var inner) ? Read(inner) : null,
        null);
}
