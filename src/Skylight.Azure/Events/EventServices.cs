using System.ComponentModel.DataAnnotations;
using Azure.Core;
using Azure.Messaging.EventGrid;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Skylight.Core.Events;

namespace Skylight.Azure.Events;

/// <summary>The Event Grid topic that events go to. Section <c>Skylight:Events</c>.</summary>
public sealed class EventOptions
{
    public const string Section = "Skylight:Events";

    /// <summary>Topic endpoint, <c>https://{topic}.{region}.eventgrid.azure.net/api/events</c>; reached with the managed identity.</summary>
    [Required]
    public Uri? TopicUrl { get; set; }
}

[OptionsValidator]
internal sealed partial class EventOptionsValidator : IValidateOptions<EventOptions>;

public static class EventServices
{
    public static IServiceCollection AddAzureEvents(this IServiceCollection services, IConfiguration configuration)
    {
        services.AddOptions<EventOptions>().Bind(configuration.GetSection(EventOptions.Section)).ValidateOnStart();
        services.AddSingleton<IValidateOptions<EventOptions>, EventOptionsValidator>();
        services.AddSingleton<IEventPublisher>(static provider => new EventGridEvents(
            new EventGridPublisherClient(provider.GetRequiredService<IOptions<EventOptions>>().Value.TopicUrl, provider.GetRequiredService<TokenCredential>())));
        return services;
    }
}
