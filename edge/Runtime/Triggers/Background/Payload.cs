using System.Text;
using System.Text.Json;
using Azure.Messaging;
using Skylight.Core.Documents;

namespace Skylight.Edge.Runtime.Triggers.Background;

/// <summary>A message's bytes as the type that the function's parameter has; the same types as with the genuine bindings.</summary>
internal static class Payload
{
    /// <returns>The converter, or null when the type is not supported.</returns>
    public static Func<ReadOnlyMemory<byte>, object?>? To(Type type)
    {
        if (type == typeof(string)) return static body => Encoding.UTF8.GetString(body.Span);
        if (type == typeof(byte[])) return static body => body.ToArray();
        if (type == typeof(BinaryData)) return static body => new BinaryData(body);
        if (type == typeof(CloudEvent)) return static body => CloudEvent.Parse(new BinaryData(body));
        if (type == typeof(Stream)) return static body => new MemoryStream(body.ToArray(), writable: false);
        if (type.IsArray || type.IsPrimitive || type.IsInterface || type.IsPointer || type.IsByRef) return null;
        return body => JsonSerializer.Deserialize(body.Span, type, DocumentJson.Options);
    }

    /// <summary>A function's result as the bodies of messages: text as it is, anything else as JSON, a sequence as one message an element.</summary>
    public static IEnumerable<ReadOnlyMemory<byte>> From(object? result) => result switch
    {
        null => [],
        string text => [Encoding.UTF8.GetBytes(text)],
        byte[] bytes => [bytes],
        BinaryData data => [data.ToMemory()],
        System.Collections.IEnumerable many => many.Cast<object?>().SelectMany(From),
        _ => [JsonSerializer.SerializeToUtf8Bytes(result, result.GetType(), DocumentJson.Options)],
    };
}
