namespace Skylight.Functions.Http;

/// <summary>
/// How large a request body an HTTP function takes; without it <see cref="HttpOptions.MaxBodyBytes"/>. Settings may override it by function
/// name (<c>Skylight:Http:MaxBodyBytesOf:{name}</c>). In the cloud the Functions host has a cap of its own below which this works.
/// </summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class RequestLimitAttribute(long maxBodyBytes) : Attribute
{
    /// <summary>For functions that stream the body to the store, whose free-space floor and quotas are the limit.</summary>
    public const long Unlimited = long.MaxValue;

    public long MaxBodyBytes { get; } = maxBodyBytes;
}
