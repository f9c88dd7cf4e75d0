/**
 * Services by key: what a plugin needs and another, or the core, provides. The only file that knows tsyringe. One
 * container per generation, a child per scope; registration by token and factory only, so there are no decorators and
 * no emitted metadata.
 */
import 'reflect-metadata'
import type { Service } from '@postroad/plugin'
import { container, type DependencyContainer, instanceCachingFactory } from 'tsyringe'

/** Services of a generation or of a scope within it; a scope sees what is around it. */
export class Services {
  readonly #container: DependencyContainer

  private constructor(inner: DependencyContainer) {
    this.#container = inner
  }

  static generation(): Services {
    return new Services(container.createChildContainer())
  }

  scope(): Services {
    return new Services(this.#container.createChildContainer())
  }

  /** `create` runs at most once, on first use. */
  provide<T>(service: Service<T>, create: () => T): void {
    this.#container.register(service.name, { useFactory: instanceCachingFactory(create) })
  }

  has(service: Service<unknown>): boolean {
    return this.#container.isRegistered(service.name, true)
  }

  get<T>(service: Service<T>): T {
    return this.#container.resolve<T>(service.name)
  }
}
